import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { contentType, fillIn } from "../site/pages.mjs";

const folder = new URL("../site/pages/", import.meta.url);
const values = {
  API_URL: "https://api.example.com/",
  API_ORIGIN: "https://api.example.com",
  UPLOADS_ORIGIN: "https://uploads.example.com",
  RESULTS_ORIGIN: "https://results.example.com",
};

test("every page is filled in, and every file has a type", () => {
  for (const name of readdirSync(folder)) {
    contentType(name);
    if (!name.endsWith(".html")) continue;
    const html = fillIn(readFileSync(new URL(name, folder), "utf8"), values);
    assert.doesNotMatch(html, /\{\{/, name);
  }
});

test("what is filled in cannot become markup, and nothing is filled in unknown", () => {
  assert.equal(fillIn("{{API_URL}}", { API_URL: '"><script>' }), "&#34;&#62;&#60;script&#62;");
  assert.throws(() => fillIn("{{OTHER}}", values), /\{\{OTHER\}\} stands in a page/);
});
