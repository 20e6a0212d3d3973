import assert from "node:assert/strict";
import { test } from "node:test";
import { contentType, fillIn } from "../site/pages.mjs";

test("placeholders take the API's address and origin, escaped", () => {
  assert.equal(
    fillIn('<a href="{{API_URL}}">{{API_ORIGIN}}</a>', "https://api.example:8443/a?b=1&c=2"),
    '<a href="https://api.example:8443/a?b=1&#38;c=2">https://api.example:8443</a>',
  );
  assert.throws(() => fillIn("{{OTHER}}", "https://api.example/"), /OTHER/);
});

test("every page has a content type", () => {
  assert.equal(contentType("index.html"), "text/html; charset=utf-8");
  assert.equal(contentType("a.b.js"), "text/javascript; charset=utf-8");
  assert.throws(() => contentType("a.exe"), /a\.exe/);
});
