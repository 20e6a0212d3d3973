/**
 * The page: every picture that is dropped or chosen becomes a print on the sheet, and goes through four states. `sending` while it is uploaded by
 * a signed form, `waiting` while the function works, then `ready` or `failed`.
 */

const api = document.querySelector("meta[name=api-url]").content.replace(/\/$/, "");
const drop = document.getElementById("drop");
const choose = document.getElementById("choose");
const sheet = document.getElementById("sheet");
const status = document.getElementById("status");
const frame = document.getElementById("frame");

/** Pictures sent at the same time; the others wait for their turn. */
const SENDING_MAX = 4;
/** Asking what has become of a picture: soon, then less and less often, and at last no more. In milliseconds. */
const ASK_FIRST = 250;
const ASK_LATER = 3000;
const ASK_END = 180_000;

const FAILURES = {
  "not-a-picture": "This file is damaged, or no picture that can be read.",
  "too-large": "This picture is too large: up to 20 MB and 60 megapixels can be printed.",
  offline: "The picture could not be sent. Check the connection, and try again.",
  refused: "The picture was not taken.",
  late: "This takes longer than it should. It may still come: look again later.",
};

class Failure extends Error {
  constructor(reason) {
    super(FAILURES[reason] ?? FAILURES.refused);
    this.reason = reason;
  }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const megabytes = (bytes) => (bytes < 100_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

async function ask(path, options) {
  const response = await fetch(api + path, options).catch(() => {
    throw new Failure("offline");
  });
  if (!response.ok) throw new Failure("offline");
  return response.json();
}

/** XMLHttpRequest, because fetch does not tell how much has been sent. */
function send({ url, fields }, file, progress) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("Content-Type", file.type || "image/unknown");
  form.append("file", file);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.upload.onprogress = ({ loaded, total }) => progress(loaded / total);
    request.onload = () => {
      if (request.status < 300) resolve();
      else reject(new Failure(/<Code>EntityTooLarge</.test(request.responseText) ? "too-large" : "refused"));
    };
    request.onerror = () => reject(new Failure("offline"));
    request.open("POST", url);
    request.send(form);
  });
}

/** What has become of a picture, once that is known. */
async function outcome(id) {
  const end = Date.now() + ASK_END;
  for (let wait = ASK_FIRST; Date.now() < end; wait = Math.min(wait * 1.4, ASK_LATER)) {
    await sleep(wait);
    // A lost connection may come back while there is time.
    const picture = await ask(`/pictures/${id}`).catch(() => ({ state: "waiting" }));
    if (picture.state !== "waiting") return picture;
  }
  throw new Failure("late");
}

let sending = 0;
const turns = [];

async function turn() {
  if (sending >= SENDING_MAX) await new Promise((resolve) => turns.push(resolve));
  sending++;
}

function done() {
  sending--;
  turns.shift()?.();
}

function print(file) {
  const item = frame.content.cloneNode(true).firstElementChild;
  const part = (name) => item.querySelector(`.${name}`);
  part("name").textContent = file.name;
  part("name").title = file.name;
  const local = URL.createObjectURL(file);
  const show = (state, text) => {
    item.dataset.state = state;
    part("state").textContent = text;
    part("bar").hidden = state !== "sending";
    part("again").hidden = state !== "failed";
  };
  const tell = (text) => {
    status.textContent = `${file.name}: ${text}`;
  };

  async function run() {
    part("preview").src = local;
    show("sending", `Waiting to be sent, ${megabytes(file.size)}`);
    try {
      let picture;
      await turn();
      try {
        picture = await ask("/pictures", { method: "POST" });
        if (file.size > picture.bytesMax) throw new Failure("too-large");
        // The form would refuse it too, but not say why. A type that the browser does not know is for the function to tell.
        if (file.size === 0 || !/^(image\/|$)/.test(file.type)) throw new Failure("not-a-picture");
        show("sending", `Sending ${megabytes(file.size)}`);
        await send(picture, file, (share) => {
          part("bar").value = share;
        });
      } finally {
        done();
      }
      show("waiting", "In the darkroom");
      const result = await outcome(picture.id);
      if (result.state === "failed") throw new Failure(result.reason);
      const { original, thumbnail, web } = result;
      part("preview").src = thumbnail.url;
      part("preview").alt = `Thumbnail of ${file.name}`;
      part("preview").width = thumbnail.width;
      part("preview").height = thumbnail.height;
      for (const [name, rendition] of Object.entries({ thumbnail, web })) {
        part(name).href = rendition.url;
        part(name).textContent =
          `${name === "web" ? "Web version" : "Thumbnail"}, ${rendition.width} × ${rendition.height}`;
      }
      part("links").hidden = false;
      show(
        "ready",
        `${original.width} × ${original.height}, ${megabytes(original.bytes)} became ${megabytes(web.bytes)}`,
      );
      tell("ready");
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure("refused");
      show("failed", failure.message);
      item.dataset.reason = failure.reason ?? "refused";
      // Trying again helps where the picture itself is not at fault.
      part("again").hidden = failure.reason === "not-a-picture" || failure.reason === "too-large";
      tell(failure.message);
    }
  }
  part("again").addEventListener("click", run);
  sheet.prepend(item);
  run();
}

function take(files) {
  for (const file of files) print(file);
}

choose.addEventListener("change", () => {
  take([...choose.files]);
  choose.value = "";
});
drop.addEventListener("submit", (event) => event.preventDefault());

// The whole page takes what is dropped: a picture that misses the frame must not replace the page.
let inside = 0;
addEventListener("dragenter", () => {
  inside++;
  drop.dataset.over = "";
});
addEventListener("dragleave", () => {
  if (--inside <= 0) delete drop.dataset.over;
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  inside = 0;
  delete drop.dataset.over;
  take([...(event.dataTransfer?.files ?? [])]);
});
