import assert from "node:assert/strict";
import { test } from "node:test";
import { createRouter } from "./router.ts";

const ROUTES = [
  "GET /",
  "GET /pets/dog/1",
  "GET /pets/dog/{id}",
  "ANY /pets/dog/{id}",
  "GET /pets/{proxy+}",
  "ANY /{proxy+}",
  "$default",
  "POST /{kind}/new",
  "GET /files/{proxy+}",
  "GET /{a}/mid/{b}",
];

// Expectations from the evaluation order in the developer guide (http-api-develop-routes).
for (const [method, path, expected, parameters] of [
  ["GET", "/", "GET /", {}],
  ["GET", "/pets/dog/1", "GET /pets/dog/1", {}],
  ["GET", "/pets/dog/2", "GET /pets/dog/{id}", { id: "2" }],
  ["PUT", "/pets/dog/2", "ANY /pets/dog/{id}", { id: "2" }],
  ["PUT", "/pets/dog/1", "ANY /pets/dog/{id}", { id: "1" }],
  ["GET", "/pets/cat/1", "GET /pets/{proxy+}", { proxy: "cat/1" }],
  ["POST", "/pets/cat/1", "ANY /{proxy+}", { proxy: "pets/cat/1" }],
  ["POST", "/pets/new", "POST /{kind}/new", { kind: "pets" }],
  ["GET", "/files/mid/x", "GET /{a}/mid/{b}", { a: "files", b: "x" }],
  ["GET", "/files/a%20b/c%2Fd", "GET /files/{proxy+}", { proxy: "a b/c/d" }],
  ["POST", "/", "$default", {}],
  ["GET", "/pets/dog/", "GET /pets/{proxy+}", { proxy: "dog/" }],
] as const) {
  test(`${method} ${path} goes to ${expected}`, () => {
    const router = createRouter(ROUTES.map((key) => [key, key] as const));
    const match = router.match(method, path);
    assert.deepEqual([match?.value, match?.parameters], [expected, parameters]);
  });
}

test("without a fallback nothing matches what no route fits", () => {
  const router = createRouter([["GET /a/{b}", 1]]);
  for (const path of ["/", "/a", "/a/", "/a/b/c", "/b/c"]) assert.equal(router.match("GET", path), undefined, path);
  assert.equal(router.match("POST", "/a/b"), undefined);
});
