// What every page does: times in the reader's zone.

/** Writes each time of the page as the reader's own clock says it. */
export function localTimes(within = document) {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const place of within.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(place.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    place.title = place.textContent;
    place.textContent = format.format(moment);
    place.dataset.local = "";
  }
}

localTimes();
