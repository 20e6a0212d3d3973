import assert from "node:assert/strict";
import { test } from "node:test";
import { ignoredMembers } from "./members.ts";

/** An operation with a text, a list of structures and a map of structures that hold themselves. */
const shapes = {
  operations: { Send: { input: 0, output: "unit" as const } },
  shapes: [
    {
      kind: "structure" as const,
      name: "SendRequest",
      members: { Name: ["string"] as const, Entries: [1] as const, Tree: [2] as const },
    },
    { kind: "list" as const, member: [3] as const },
    { kind: "map" as const, key: ["string"] as const, value: [4] as const },
    { kind: "structure" as const, name: "Entry", members: { Id: ["string"] as const, Extra: ["string"] as const } },
    { kind: "structure" as const, name: "Node", members: { Leaf: ["string"] as const, Inner: [2] as const } },
  ],
};
const service = (unsupported: Record<string, string[]> = {}) =>
  ({ operations: { Send: () => ({}) }, unsupported }) as any;
const ignored = (words: string[], unsupported?: Record<string, string[]>) =>
  ignoredMembers(service(unsupported), shapes as any, new Set(words)).map((message) => message.split(" ")[2]);

test("members are honoured when the service's source mentions them, nested ones too", () => {
  assert.deepEqual(ignored(["Name", "Entries", "Tree", "Id", "Extra", "Leaf", "Inner"]), []);
  assert.deepEqual(ignored(["Name", "Entries", "Tree", "Id"]), ["Entries[].Extra", "Tree.*.Leaf", "Tree.*.Inner"]);
});

test("what is refused by name needs no mention, nor what lies inside it", () => {
  assert.deepEqual(ignored(["Name", "Entries", "Id"], { Send: ["Tree", "Entries[].Extra"] }), []);
  assert.deepEqual(ignored(["Name", "Tree", "Leaf", "Inner"], { Send: ["Entries"] }), []);
});

test("lists about operations that are not there are told", () => {
  assert.match(
    ignoredMembers(
      service({ Receive: ["X"] }),
      shapes as any,
      new Set(["Name", "Entries", "Tree", "Id", "Extra", "Leaf", "Inner"]),
    )[0]!,
    /unsupported names Receive/,
  );
});
