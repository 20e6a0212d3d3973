import assert from "node:assert/strict";
import { test } from "node:test";
import { ambient, finished, introduced, layers, portable } from "./rules.ts";
import { codeOnly, importsOf } from "./source.ts";

test("comments, strings, templates and regular expressions are not code; what a template computes is", () => {
  const source = [
    "const a = 'Date.now()'; // Date.now()",
    "/* Date.now() */ const b = `Date.now() ${Date.now()} Date.now()`;",
    "const c = /Date.now()/; const d = 4 / 2 / 1;",
    "const e = `${`${{ f: 1 }.f}`} setTimeout(`;",
  ].join("\n");
  const code = codeOnly(source);
  assert.equal(code.match(/Date\.now/g)?.length, 1);
  assert.equal(code.split("\n").length, 4);
  assert.ok(code.includes("4 / 2 / 1"));
  assert.ok(code.includes("{ f: 1 }.f"));
  assert.ok(!code.includes("setTimeout"));
});

test("every form of import is seen", () => {
  const source = [
    'import "./a.ts";',
    'import b from "./b.ts";',
    'import type { C } from "./c.ts";',
    'import {\n  d,\n  type E,\n} from "./d.ts";',
    'export * from "./e.ts";',
    'const f = await import("./f.ts");',
    'type G = typeof import("./g.ts");',
    "const h = 'import \"./h.ts\"';",
  ].join("\n");
  assert.deepEqual(
    importsOf(source)
      .map(({ specifier, typeOnly }) => `${specifier}${typeOnly ? " type" : ""}`)
      .sort(),
    ["./a.ts", "./b.ts", "./c.ts type", "./d.ts", "./e.ts", "./f.ts", "./g.ts type"],
  );
});

test("layers: the kernel imports nothing, a service no other service", () => {
  const messages = (file: string, specifier: string) => layers(file, `import { x } from "${specifier}";`).length;
  assert.equal(messages("src/kernel/ids.ts", "./random.ts"), 0);
  assert.equal(messages("src/kernel/ids.ts", "../storage/keys.ts"), 1);
  assert.equal(messages("src/services/sqs/queues.ts", "../../storage/keys.ts"), 0);
  assert.equal(messages("src/services/sqs/queues.ts", "../service.ts"), 0);
  assert.equal(messages("src/services/sqs/queues.ts", "./state.ts"), 0);
  assert.equal(messages("src/services/sqs/queues.ts", "../s3/state.ts"), 1);
  assert.equal(messages("src/services/sqs/queues.ts", "../../wire/server.ts"), 1);
  assert.equal(messages("src/services/sqs/queues.test.ts", "../../platform/testing.ts"), 0);
  assert.equal(messages("src/services/apigateway/front.ts", "../apigateway-common/cors.ts"), 0);
  assert.equal(messages("src/platform/open.ts", "../wire/server.ts"), 0);
  assert.equal(messages("src/services/sqs/queues.ts", "@aws-sdk/client-sqs"), 1);
  assert.equal(layers("src/services/clients.ts", 'type Q = typeof import("@aws-sdk/client-sqs");').length, 0);
});

test("only the edges touch the machine's clock, chance and environment", () => {
  for (const code of [
    "Date.now()",
    "new Date()",
    "setTimeout(f, 1)",
    "Math.random()",
    "crypto.randomUUID()",
    "process.env['A']",
  ]) {
    assert.equal(ambient("src/services/sqs/messages.ts", code).length, 1, code);
    assert.equal(ambient("src/kernel/clock.ts", code).length, 0, code);
    assert.equal(ambient("src/services/sqs/messages.test.ts", code).length, 0, code);
  }
  assert.equal(ambient("src/services/sqs/messages.ts", "new Date(context.nowMs)").length, 0);
});

test("unfinished work, overgrown files and silent ones are found", () => {
  assert.equal(finished("src/a/b.ts", `// ${"TO"}DO later`).length, 1);
  assert.equal(finished("src/a/b.ts", "x;\n".repeat(700)).length, 1);
  assert.equal(introduced("src/a/b.ts", "const a = 1;").length, 1);
  assert.equal(introduced("src/a/b.ts", "/** Letters. */\nconst a = 1;").length, 0);
});

test("nothing names one machine's folders or a registry", () => {
  assert.equal(portable("a.md", `see /${"home"}/someone/project`).length, 1);
  assert.equal(portable("package-lock.json", `"resolved": "${"http"}s://registry.example/a.tgz"`).length, 1);
  assert.equal(portable("a.md", "https://example.com/home/page/").length, 0);
});
