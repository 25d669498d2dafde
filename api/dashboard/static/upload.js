// Sends a file with its progress shown: what fetch cannot tell, an XMLHttpRequest can. The file goes to the same
// operation that programs use.

const form = document.getElementById("upload");
const wrong = document.getElementById("wrong");
const uploading = document.getElementById("uploading");
const sent = document.getElementById("sent");
const told = document.getElementById("told");
const stop = document.getElementById("stop");
const button = form.querySelector("button.main");

form.hidden = false;
document.getElementById("by-curl").hidden = true;

function mib(bytes) {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function say(text) {
  wrong.textContent = text;
  wrong.hidden = !text;
}

function ended() {
  uploading.hidden = stop.hidden = true;
  button.disabled = false;
}

function problem(request) {
  try {
    const document = JSON.parse(request.responseText);
    return `${document.code}: ${document.detail}`;
  } catch {
    return `The service answered with status ${request.status}.`;
  }
}

function send(name, file) {
  const request = new XMLHttpRequest();
  request.open("POST", `${form.dataset.to}?name=${encodeURIComponent(name)}`);
  request.setRequestHeader("Content-Type", file.name.endsWith(".zip") ? "application/zip" : "application/octet-stream");
  request.setRequestHeader("Accept", "application/json");
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    sent.value = (100 * loaded) / total;
    told.textContent = loaded < total ? `${mib(loaded)} of ${mib(total)}` : "All sent; the service looks at the file …";
  });
  request.addEventListener("load", () => {
    ended();
    if (request.status >= 400) say(problem(request));
    else location.assign(form.dataset.shown + JSON.parse(request.responseText).id);
  });
  request.addEventListener("error", () => {
    ended();
    say("The connection was cut: nothing was kept. Send it again.");
  });
  request.addEventListener("abort", ended);
  stop.onclick = () => request.abort();
  say("");
  uploading.hidden = stop.hidden = false;
  button.disabled = true;
  request.send(file);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const [file] = form.elements.file.files;
  const most = Number(form.dataset.most);
  if (file.size > most) say(`The file has ${mib(file.size)}, an upload at most ${mib(most)}: split the data up.`);
  else send(form.elements.name.value, file);
});
