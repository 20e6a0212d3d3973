import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { faultOf, isPictureId, pictureOf, renditionKey, resultKey, uploadKey } from "./picture.ts";

const ID = "0f8fad5b-d9cb-469f-a165-70867728950e";

test("an upload's key leads to its picture, and nothing else does: renditions are never rendered again", () => {
  assert.equal(pictureOf(uploadKey(ID)), ID);
  for (const key of [
    resultKey(ID),
    renditionKey(ID, "web"),
    renditionKey(ID, "thumbnail"),
    `uploads/${ID}/more`,
    `uploads/pictures/${ID}/web.webp`,
    "uploads/",
    "uploads/..%2F..%2Fetc",
    `other/${ID}`,
    `uploads/${ID.toUpperCase()}`,
  ]) {
    assert.equal(pictureOf(key), undefined, key);
  }
});

test("ids are UUIDs", () => {
  assert.ok(isPictureId(ID));
  assert.ok(!isPictureId(`${ID}/../x`));
  assert.ok(!isPictureId(""));
});

describe("whose fault it was", () => {
  for (const [message, reason] of [
    ["Input buffer contains unsupported image format", "not-a-picture"],
    ["VipsJpeg: premature end of JPEG image", "not-a-picture"],
    ["pngload_buffer: libspng read error", "not-a-picture"],
    ["Input image exceeds pixel limit", "too-large"],
    ["anything else that sharp says", "not-a-picture"],
    ["Cannot allocate memory", undefined],
  ] as const) {
    test(message, () => assert.equal(faultOf(new Error(message))?.reason, reason));
  }
});
