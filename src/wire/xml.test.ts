import assert from "node:assert/strict";
import { test } from "node:test";
import { escapeXml } from "./xml.ts";

for (const [text, expected] of [
  ["", ""],
  ["plain text, ünïcödé, 😀", "plain text, ünïcödé, 😀"],
  ['"9a0364b9e99bb480dd25e1f0284c8555"', "&quot;9a0364b9e99bb480dd25e1f0284c8555&quot;"],
  ["<a & b>", "&lt;a &amp; b&gt;"],
  ["&&&", "&amp;&amp;&amp;"],
  ["a\r\nb\tc", "a&#xD;&#xA;b\tc"],
  ["\u0000\u001f\u0085\u2028\ufffe\uffff", "&#x0;&#x1F;&#x85;&#x2028;&#xFFFE;&#xFFFF;"],
  ["😀<😀", "😀&lt;😀"],
] as const) {
  test(`escapes ${JSON.stringify(text)}`, () => assert.equal(escapeXml(text), expected));
}
