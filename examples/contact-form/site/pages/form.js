/** The form: checks what was written, sends it, and says what became of it. A draft outlives a reload and an API that is down. */

const TIMEOUT_MS = 20_000;
const COUNT_FROM = 4_500;
const DRAFT = "contact-form-draft";
/** What the function will take for an address; it checks again. */
const EMAIL = /^[^\s@,;<>"()[\]\\]{1,64}@[^\s@,;<>"()[\]\\_]+\.[^\s@,;<>"()[\]\\_.]{2,}$/u;

const element = (id) => document.getElementById(id);
const apiUrl = document.querySelector("meta[name=api-url]").content;
const form = element("form");
const fields = ["name", "email", "message"].map(element);

const complaints = {
  name: (value) => (value === "" ? "Please tell us your name." : ""),
  email: (value) => {
    if (value === "") return "Please tell us your address, so that we can answer.";
    return EMAIL.test(value) ? "" : "This does not look like an e-mail address. An example: you@example.com";
  },
  message: (value) => (value === "" ? "Please write us a few words." : ""),
};

/** Shows what is wrong with a field, or that nothing is. */
function check(field) {
  const complaint = complaints[field.id](field.value.trim());
  const error = element(`${field.id}-error`);
  error.textContent = complaint;
  error.hidden = complaint === "";
  if (complaint) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
  return complaint === "";
}

function showFailure(title, text) {
  element("failure-title").textContent = title;
  element("failure-text").textContent = text;
  element("failure").hidden = false;
}

let sending = false;

function setSending(value) {
  sending = value;
  element("send").setAttribute("aria-disabled", String(value));
  element("send-label").textContent = value ? "Sending…" : "Send message";
  element("progress").textContent = value ? "Sending your message." : "";
  form.setAttribute("aria-busy", String(value));
  for (const field of fields) field.readOnly = value;
}

async function send(submission) {
  const response = await fetch(apiUrl, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(submission),
    signal: AbortSignal.timeout(TIMEOUT_MS),
    credentials: "omit",
    referrerPolicy: "no-referrer",
  });
  if (!response.ok) throw new Error(`The API answered ${response.status}`);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (sending) return;
  element("failure").hidden = true;
  const wrong = fields.filter((field) => !check(field));
  if (wrong.length > 0) {
    wrong[0].focus();
    return;
  }
  const submission = Object.fromEntries(fields.map((field) => [field.id, field.value.trim()]));
  setSending(true);
  try {
    await send(submission);
    showThanks(submission);
  } catch (error) {
    console.warn(error);
    if (navigator.onLine) {
      showFailure(
        "We could not take your message.",
        "Nothing is lost: it still stands here. Please try again in a moment.",
      );
    } else {
      showFailure("You seem to be offline.", "Nothing is lost: send your message once you are connected again.");
    }
  } finally {
    setSending(false);
  }
});

function showThanks({ name, email }) {
  forgetDraft();
  form.reset();
  count();
  element("thanks-name").textContent = `, ${name}`;
  element("thanks-email").textContent = email;
  form.hidden = true;
  element("thanks").hidden = false;
  element("thanks-title").focus();
}

element("again").addEventListener("click", () => {
  element("thanks").hidden = true;
  form.hidden = false;
  fields[0].focus();
});

/** Says how much room is left, once it becomes little. */
function count() {
  const { value, maxLength } = element("message");
  element("message-count").textContent =
    value.length < COUNT_FROM ? "" : `${(maxLength - value.length).toLocaleString("en")} characters left`;
}

for (const field of fields) {
  field.addEventListener("input", () => {
    if (field.hasAttribute("aria-invalid")) check(field);
    saveDraft();
  });
  field.addEventListener("blur", () => {
    if (field.value.trim() !== "") check(field);
  });
}
element("message").addEventListener("input", count);

// Storage may be forbidden to a page; then there is no draft, and nothing else changes.

function saveDraft() {
  try {
    sessionStorage.setItem(DRAFT, JSON.stringify(Object.fromEntries(fields.map((field) => [field.id, field.value]))));
  } catch {}
}

function forgetDraft() {
  try {
    sessionStorage.removeItem(DRAFT);
  } catch {}
}

try {
  const draft = JSON.parse(sessionStorage.getItem(DRAFT) ?? "{}");
  for (const field of fields) if (typeof draft[field.id] === "string") field.value = draft[field.id];
  count();
} catch {}
