// What every page does: times in the reader's zone.

/** Writes each time of the page as the reader's own clock says it. */
export function localTimes(within = document) {
  for (const place of within.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(place.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    place.title = place.textContent;
    const timeStyle = "seconds" in place.dataset ? "medium" : "short";
    place.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle });
    place.dataset.local = "";
  }
}

/** Puts the parts of a page that has just come, those marked `data-live`, in place of those shown. What is typed,
 * selected or scrolled elsewhere stays. */
export function replaceParts(fresh) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (!next) continue;
    localTimes(next);
    if (next.isEqualNode(part)) continue;
    const atEnd = part.scrollHeight - part.scrollTop - part.clientHeight < 8;
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const open = new Set([...part.querySelectorAll("details[open] > summary")].map((one) => one.textContent));
    part.replaceChildren(...next.childNodes);
    for (const one of part.querySelectorAll("details > summary")) one.parentElement.open ||= open.has(one.textContent);
    if (atEnd) part.scrollTop = part.scrollHeight;
    if (focused) [...part.querySelectorAll("a, button, summary")].find((one) => one.textContent === focused.textContent && one.href === focused.href)?.focus();
  }
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
}

// A button that is pressed twice sends its form once; whoever has stopped it, or comes back, may send it again.
const TWICE_MS = 3000;
const sent = new Map();
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (event.timeStamp - (sent.get(form) ?? -Infinity) < TWICE_MS) event.preventDefault();
  else sent.set(form, event.timeStamp);
});
addEventListener("pageshow", () => sent.clear());

// Filters take effect as they are changed; their button is for browsers without scripts.
for (const form of document.querySelectorAll("form[data-filters]")) {
  form.addEventListener("change", () => form.requestSubmit());
  form.addEventListener("formdata", ({ formData }) => {
    for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
  });
}

localTimes();
