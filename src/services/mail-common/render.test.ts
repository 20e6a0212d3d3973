import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compileTemplate, InvalidTemplate, MissingAttribute, renderTemplate } from "./render.ts";

const render = (template: string, data: unknown) => renderTemplate(compileTemplate(template), data);

describe("templates render", () => {
  const cases: [template: string, data: unknown, output: string][] = [
    ["Hello {{name}}!", { name: "Ada" }, "Hello Ada!"],
    ["{{ name }}{{{name}}}{{&name}}", { name: "<b>" }, "<b><b><b>"],
    ["{{contact.firstName}} {{contact.[last name]}}", { contact: { firstName: "A", "last name": "B" } }, "A B"],
    ["{{n}} {{zero}} {{yes}} {{empty}}|", { n: 1.5, zero: 0, yes: false, empty: "" }, "1.5 0 false |"],
    ["{{#if a}}yes{{else}}no{{/if}}", { a: true }, "yes"],
    ["{{#if a}}yes{{else}}no{{/if}}", {}, "no"],
    ["{{#if a}}yes{{^}}no{{/if}}", { a: [] }, "no"],
    ["{{#if a}}1{{else if b}}2{{else}}3{{/if}}", { b: 1 }, "2"],
    ["{{#if a}}1{{else if b}}2{{else}}3{{/if}}", {}, "3"],
    ["{{#unless a}}no{{/unless}}", {}, "no"],
    ["{{#each list}}{{interest}};{{/each}}", { list: [{ interest: "x" }, { interest: "y" }] }, "x;y;"],
    ["{{#each list}}{{@index}}{{this}}{{#unless @last}},{{/unless}}{{/each}}", { list: ["a", "b"] }, "0a,1b"],
    ["{{#each map}}{{@key}}={{this}} {{/each}}", { map: { a: 1, b: 2 } }, "a=1 b=2 "],
    ["{{#each none}}x{{else}}empty{{/each}}", { none: [] }, "empty"],
    ["{{#each list}}{{../name}}{{this.x}}{{@root.name}}{{/each}}", { name: "n", list: [{ x: 1 }] }, "n1n"],
    ["{{#with a}}{{b}}{{/with}}", { a: { b: 1 } }, "1"],
    ["{{#items}}{{.}}{{/items}}{{^none}}-{{/none}}", { items: [1, 2] }, "12-"],
    ["{{#person}}{{name}}{{/person}}", { person: { name: "x" } }, "x"],
    ["a{{! comment }}b{{!-- {{x}} --}}c", {}, "abc"],
    ['{{#* inline "sign"}}Yours, {{name}}{{/inline}}{{> sign}}', { name: "Ada" }, "Yours, Ada"],
    ["a {{~name~}} b", { name: "x" }, "axb"],
    ["a {{~{name}~}} b {{!-- }} --~}} c {{!-- a --}}", { name: "x" }, "axb c "],
    ["list:\n{{#each l}}\n- {{this}}\n{{/each}}\nend", { l: [1, 2] }, "list:\n- 1\n- 2\nend"],
    ["{{list.0}}{{list.[1]}}", { list: ["a", "b"] }, "ab"],
    ["no tags { { }}", {}, "no tags { { }}"],
    ["{{constructor}}", { constructor: "own" }, "own"],
  ];
  for (const [template, data, output] of cases) {
    test(template, () => assert.equal(render(template, data), output));
  }
});

describe("what the data lacks is named", () => {
  const cases: [string, unknown, string][] = [
    ["Hello {{name}}", {}, "name"],
    ["{{a.b}}", { a: {} }, "a.b"],
    ["{{constructor}}", {}, "constructor"],
    ["{{__proto__.x}}", {}, "__proto__.x"],
    ["{{#each l}}{{x}}{{/each}}", { l: [{}] }, "x"],
    ["{{x}}", { x: null }, "x"],
  ];
  for (const [template, data, attribute] of cases) {
    test(template, () =>
      assert.throws(
        () => render(template, data),
        (error: MissingAttribute) =>
          error instanceof MissingAttribute &&
          error.attribute === attribute &&
          error.message === `Attribute '${attribute}' is not present in the rendering data.`,
      ),
    );
  }
});

describe("broken templates are refused", () => {
  for (const template of [
    "{{#if a}}",
    "{{/if}}",
    "{{#if a}}{{/each}}",
    "{{else}}",
    "{{name",
    "{{}}",
    "{{#each a as |b|}}{{/each}}",
    "{{helper a}}",
    "{{#if (eq a b)}}{{/if}}",
    "{{#* inline name}}{{/inline}}",
  ]) {
    test(template, () => assert.throws(() => compileTemplate(template), InvalidTemplate));
  }
  test("a template of braces or blanks is refused or rendered in little time", () => {
    for (const text of ["{{".repeat(200_000), "{{!--".repeat(100_000), "{{{x".repeat(100_000)]) {
      assert.throws(() => compileTemplate(text), InvalidTemplate);
    }
    assert.equal(render("{{x}}".repeat(90_000), { x: "" }), "");
    const blanks = " ".repeat(400_000);
    assert.equal(render(`${blanks}x${blanks}{{#if a}}${blanks}y{{/if}}`, { a: 1 }), `${blanks}x${blanks}${blanks}y`);
  });
  test("a partial of itself comes to an end", () => {
    assert.throws(() => render('{{#* inline "p"}}{{> p}}{{/inline}}{{> p}}', {}), InvalidTemplate);
  });
  test("an unknown partial", () => assert.throws(() => render("{{> p}}", {}), InvalidTemplate));
  test("loops over loops come to an end", () => {
    const list = Array.from({ length: 400 }, () => "x".repeat(100));
    const each = (body: string) => `{{#each @root.list}}${body}{{/each}}`;
    assert.throws(() => render(each(each(each("{{this}}"))), { list }), InvalidTemplate);
    assert.throws(() => render(each(each(each(each("")))), { list }), InvalidTemplate);
  });
});
