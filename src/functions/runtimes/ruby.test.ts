/** Functions in Ruby, on whichever Ruby this machine has. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, test } from "node:test";
import { openTestHost } from "../testing.ts";

const program = ["/usr/bin/ruby", "/usr/local/bin/ruby"].find(existsSync);
const shared = openTestHost({ ...(program !== undefined && { runtimes: { "ruby3.4": program } }) });
after(() => shared.close());
const withRuby = { skip: program === undefined && "no Ruby on this machine" };
const ruby = (body: string, more = {}) => shared.fn("ruby3.4", { "app.rb": body }, more);

test("a Ruby handler: event, context, environment, several values, a warm worker", withRuby, async () => {
  const spec = await ruby(
    `$calls = 0
def handler(event:, context:)
  $calls += 1
  { event: event, calls: $calls, name: context.function_name, left: context.get_remaining_time_in_millis, arn: context.invoked_function_arn,
    mine: ENV["MINE"], root: ENV["LAMBDA_TASK_ROOT"], file: __FILE__, env: ENV.keys, text: "é😀", there: Dir.pwd }
end`,
    { environment: { MINE: "it's\n«mine»" } },
  );
  const { json, functionError, logTail } = await shared.invoke(spec, { a: "é" });
  assert.equal(functionError, undefined, logTail.toString());
  assert.deepEqual(json.event, { a: "é" });
  assert.equal(json.text, "é😀");
  assert.equal(json.name, spec.functionName);
  assert.equal(json.arn, spec.invokedArn);
  assert.ok(json.left > 9000 && json.left <= 10_000);
  assert.equal(json.mine, "it's\n«mine»");
  assert.equal(json.file, `${json.root}/app.rb`);
  assert.equal(json.there, json.root);
  assert.ok(!json.env.includes("HOME"));
  assert.equal((await shared.invoke(spec)).json.calls, 2);
});

test("Ruby: a method of a class, a package in folders, a library in a layer", withRuby, async () => {
  const layer = await shared.unpack({
    "ruby/lib/greeting.rb": "module Greeting; def self.to(name) = 'hello ' + name; end",
  });
  const spec = await shared.fn(
    "ruby3.4",
    {
      "lib/app.rb":
        "require 'greeting'\nmodule Shop\n  class Door\n    def self.open(event:, context:) = Greeting.to(event['name'])\n  end\nend",
    },
    { handler: "lib/app.Shop::Door.open", layerDirectories: [layer] },
  );
  const { json, logTail } = await shared.invoke(spec, { name: "you" });
  assert.equal(json, "hello you", logTail.toString());
});

// https://docs.aws.amazon.com/lambda/latest/dg/ruby-exceptions.html shows the error, ruby-logging.html the lines.
test("what Ruby raises, prints and logs", withRuby, async () => {
  const spec = await ruby(
    `require 'logger'
def handler(event:, context:)
  puts "printed", "as one"
  $stdout.print "in ", "pieces\\n"
  Logger.new($stdout).info("two\\nlines")
  warn "to stderr"
  exit 3 if event["exit"]
  nothing_here if event["name"]
  raise ArgumentError, "bad"
end`,
  );
  const { json, functionError, logTail } = await shared.invoke(spec);
  assert.equal(functionError, "Unhandled");
  assert.deepEqual(
    { ...json, stackTrace: json.stackTrace.map((line: string) => line.replace(/^.*\//, "")) },
    { errorMessage: "bad", errorType: "Function<ArgumentError>", stackTrace: ["app.rb:9:in `handler'"] },
  );
  const text = logTail.toString();
  assert.match(text, /\nprinted\nas one\nin pieces\nI, \[[^\]]+\] {2}INFO [0-9a-f-]{36} -- : two\nlines\nto stderr\n/);
  assert.match(text, /Error raised from handler method\n\{"errorMessage":"bad"/);
  for (const [event, errorType] of [
    [{ name: 1 }, "Function<NameError>"],
    [{ exit: 1 }, "Function<SystemExit>"],
  ] as const) {
    assert.equal((await shared.invoke(spec, event)).json.errorType, errorType);
    assert.notEqual((await shared.invoke(spec)).initMs, undefined, "the process was ended");
  }
});

test("a Ruby function that cannot be loaded", withRuby, async () => {
  const cases: [string, string, string, RegExp][] = [
    ["require 'nothing_here'", "app.handler", "Init<LoadError>", /cannot load such file -- nothing_here$/],
    ["def handler(", "app.handler", "Init<SyntaxError>", /syntax error/],
    ["", "nowhere.handler", "Init<LoadError>", /cannot load such file -- nowhere$/],
    ["", "app", "Init<ArgumentError>", /^Invalid handler app, must be of form FILENAME\.METHOD/],
    ["raise 'no'", "app.handler", "Init<RuntimeError>", /^no$/],
    ["", "app.handler", "Function<NoMethodError>", /undefined method `handler'/],
  ];
  for (const [body, handler, errorType, message] of cases) {
    const { json } = await shared.invoke(await ruby(body, { handler }));
    assert.equal(json.errorType, errorType);
    assert.match(json.errorMessage, message);
  }
});

test("Ruby's JSON logs keep to their level", withRuby, async () => {
  const spec = await ruby(
    "require 'logger'\ndef handler(event:, context:)\n  log = Logger.new($stdout)\n  log.info('no')\n  log.warn('w')\n  begin; raise 'oh'; rescue => e; log.error(e); end\nend",
    { logFormat: "JSON", applicationLogLevel: "WARN", systemLogLevel: "WARN" },
  );
  const { logTail } = await shared.invoke(spec);
  const entries = logTail
    .toString()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    entries.map(({ level, message }) => `${level} ${message}`),
    ["WARN w", "ERROR oh"],
  );
  assert.match(entries[0].requestId, /^[0-9a-f-]{36}$/);
  assert.equal(entries[1].errorType, "RuntimeError");
});
