import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTemplate, renderTemplate, TemplateError } from "./vtl.ts";

const scope = {
  body: '{"name":"O\'Brien \\"x\\"","tags":["a","b"],"nested":{"n":1,"list":[{"id":7},{"id":8}]},"text":"a,b,,","none":null}',
  params: { path: { id: "p1" }, querystring: { q: "q 1", id: "shadowed" }, header: { "X-H": "h1" } },
  context: { requestId: "r-1", identity: { sourceIp: "1.2.3.4" }, responseOverride: { header: {} } } as Record<
    string,
    any
  >,
  stageVariables: { env: "dev" },
};
const render = (text: string, changes: Partial<typeof scope> = {}) =>
  renderTemplate(parseTemplate(text), { ...scope, ...changes });

// Expected texts follow the mapping template reference of the API Gateway developer guide.
for (const [text, expected] of [
  ["$input.body", scope.body],
  ["$input.json('$')", JSON.stringify(JSON.parse(scope.body))],
  ["$input.json('$.tags')", '["a","b"]'],
  ["$input.json('$.nested.list[*].id')", "[7,8]"],
  ["$input.json('$.missing')", '""'],
  ["$input.path('$.nested.n')", "1"],
  ["$input.path('$.missing')", ""],
  ["$input.params('id')", "p1"],
  ["$input.params('q')", "q 1"],
  ["$input.params('x-h')", "h1"],
  ["$input.params('nothing')", ""],
  ["$input.params().path.id", "p1"],
  ["$input.params().header.get('X-H')", "h1"],
  ["$util.escapeJavaScript($input.path('$.name'))", 'O\\\'Brien \\"x\\"'],
  ["$util.urlEncode('a b&c/ü*~')", "a+b%26c%2F%C3%BC*%7E"],
  ["$util.urlDecode('a+b%26')", "a b&"],
  ["$util.base64Encode('hi')$util.base64Decode('aGk=')", "aGk=hi"],
  ['$util.parseJson(\'{"a":{"b":2}}\').a.b', "2"],
  ["$context.requestId $context.identity.sourceIp $context.unknown.", "r-1 1.2.3.4 ."],
  ["$stageVariables.env ${stageVariables.env}$stageVariables.no", "dev dev"],
  ["#set($t = $input.path('$.tags'))#foreach($x in $t)$x#if($foreach.hasNext),#end#end", "a,b"],
  ["#set($r = $input.path('$'))$r.tags.size() $r.tags[1] $r.nested.keySet()", "2 b [n, list]"],
  ["#foreach($e in $input.path('$.nested').entrySet())$e.key;#end", "n;list;"],
  ["$input.path('$.text').split(',').size()", "2"],
  ["$input.path('$.text').replaceAll('[ab]', 'z')", "z,z,,"],
  ["#set($s = 'Hello')$s.length() $s.substring(1, 3) $s.toUpperCase() $s.contains('ell')", "5 el HELLO true"],
  ["#if($input.path('$.missing') == '')empty#else full#end", "empty"],
  ["#set($m = {})#set($ignored = $m.put('k', 'v'))$m.k $m.containsKey('k')", "v true"],
  ["$undefined $!undefined.", "$undefined ."],
] as const) {
  test(`template ${text}`, () => assert.equal(render(text), expected));
}

test("an empty body is an empty object, and text that is no JSON stays text", () => {
  assert.equal(render("$input.json('$')", { body: "" }), "{}");
  assert.equal(render("$input.json('$')", { body: "plain" }), '"plain"');
});

test("a template may set overrides in the context", () => {
  render("#set($context.responseOverride.status = 418)#set($context.responseOverride.header.X-A = 'v')");
  assert.equal(scope.context["responseOverride"].status, 418);
});

test("templates reach nothing of JavaScript, and cannot run away", () => {
  const refused = [
    "$input.constructor.constructor('return process')()",
    "#set($s = 'x')$s.repeat(1000000000)",
    "#set($s = 'x')$s.constructor",
    "#set($l = [])$l.map(1)",
    "#foreach($i in [1..100000])x#end",
    "#foreach($i in [1..1000])#foreach($j in [1..1000])#foreach($k in [1..1000])x#end#end#end",
    "#macro(f)#f()#end#f()",
    `#set($a = 'xxxxxxxxxx')${'#set($a = "$a$a$a$a$a$a$a$a")'.repeat(12)}$a.length()`,
  ];
  for (const text of refused) {
    let outcome: string;
    try {
      outcome = render(text);
    } catch (error) {
      assert.ok(error instanceof TemplateError, `${text}: ${error}`);
      continue;
    }
    assert.ok(!/native code|function|process/.test(outcome), `${text} gave ${outcome}`);
    assert.ok(outcome.length < 1000, text);
  }
});

test("a loop over a map gives its values, and leaves nothing behind", () => {
  const text =
    "#foreach($outer in ['x','y'])#foreach($v in $input.params().path)$v#end$outer#if($foreach.hasNext),#end#end|$!v";
  assert.equal(render(text), "p1x,p1y|");
});

/** The "Method Request Passthrough" template, in the form that the console has generated for years. */
const PASSTHROUGH = `##  passthrough
#set($allParams = $input.params())
{
"body-json" : $input.json('$'),
"params" : {
#foreach($type in $allParams.keySet())
    #set($params = $allParams.get($type))
"$type" : {
    #foreach($paramName in $params.keySet())
    "$paramName" : "$util.escapeJavaScript($params.get($paramName))"
        #if($foreach.hasNext),#end
    #end
}
    #if($foreach.hasNext),#end
#end
},
"stage-variables" : {
#foreach($key in $stageVariables.keySet())
"$key" : "$util.escapeJavaScript($stageVariables.get($key))"
    #if($foreach.hasNext),#end
#end
},
"context" : {
    "account-id" : "$context.identity.accountId",
    "source-ip" : "$context.identity.sourceIp",
    "request-id" : "$context.requestId"
    }
}`;

test("the console's passthrough template gives JSON with everything in it", () => {
  assert.deepEqual(JSON.parse(render(PASSTHROUGH)), {
    "body-json": JSON.parse(scope.body),
    params: scope.params,
    "stage-variables": { env: "dev" },
    context: { "account-id": "", "source-ip": "1.2.3.4", "request-id": "r-1" },
  });
});

test("what is no template is refused when it is parsed", () => {
  for (const text of ["#set($a = )", "#if($a", "#set($a = 1"])
    assert.throws(() => parseTemplate(text), TemplateError, text);
});
