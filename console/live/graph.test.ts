import assert from "node:assert/strict";
import { test } from "node:test";
import type { Span } from "./events.ts";
import { Graph } from "./graph.ts";
import { layout } from "./layout.ts";
import { loadOf, workersOf } from "./load.ts";
import { rowOf, titleOf, waterfall } from "./trace-rows.ts";

const ARN = "arn:aws";
const span = (
  id: string,
  parentId: string | undefined,
  service: string,
  resource: string,
  more: Partial<Span> = {},
): Span => ({
  traceId: "1-6b0ac297-97eb009b823ade5200000055",
  id,
  ...(parentId ? { parentId } : {}),
  service,
  name: "Something",
  resource,
  startMs: 1000,
  durationMs: 10,
  ...more,
});

const TRACE: readonly Span[] = [
  span("a", undefined, "apigateway", "x.execute-api.localhost", {
    attributes: { apiId: "x", status: 200 },
    durationMs: 20,
  }),
  span("b", "a", "sqs", `${ARN}:sqs:us-east-1:000000000000:orders`, { startMs: 1002 }),
  span("c", "b", "sqs", `${ARN}:sqs:us-east-1:000000000000:orders`, { name: "in the queue", startMs: 1012 }),
  span("d", "c", "lambda", `${ARN}:lambda:us-east-1:000000000000:function:work:live`, {
    startMs: 1030,
    durationMs: 3000,
    attributes: { ran: true, coldStart: true, initMs: 100 },
  }),
  span("e", "d", "dynamodb", `${ARN}:dynamodb:us-east-1:000000000000:table/orders/index/by-day`, {
    startMs: 1500,
    error: { code: "ConditionalCheckFailedException", message: "no", fault: false },
  }),
];

const EDGES = [
  "AWS::ApiGatewayV2::Api|x→AWS::SQS::Queue|orders",
  "AWS::Lambda::Function|work→AWS::DynamoDB::Table|orders",
  "AWS::SQS::Queue|orders→AWS::Lambda::Function|work",
  "outside|Outside→AWS::ApiGatewayV2::Api|x",
];

test("spans become steps between resources, in whatever order they come, once each", () => {
  for (const order of [TRACE, TRACE.toReversed(), [TRACE[2]!, TRACE[4]!, TRACE[0]!, TRACE[3]!, TRACE[1]!]]) {
    const graph = new Graph();
    const steps = order.flatMap((each) => graph.add([each]));
    graph.add(order.slice(0, 1));
    assert.deepEqual([...graph.edges.keys()].sort(), EDGES);
    assert.deepEqual(steps.map(({ key }) => key).sort(), EDGES);
    assert.deepEqual(
      [...graph.edges.values()].map(({ count, errors, to }) => [
        count,
        errors === (to.endsWith("Table|orders") ? 1 : 0),
      ]),
      EDGES.map(() => [1, true]),
    );
    assert.equal(graph.nodes.get("AWS::Lambda::Function|work")!.coldStarts, 1);
    assert.equal(graph.nodes.get("AWS::SQS::Queue|orders")!.count, 2);
  }
});

test("looking at things is no step", () => {
  const graph = new Graph();
  graph.add([span("a", undefined, "logs", `${ARN}:logs:us-east-1:000000000000:log-group:x:*`)]);
  assert.deepEqual([graph.nodes.size, graph.edges.size], [0, 0]);
});

test("a map goes from left to right, even in circles, and puts no two things into one place", () => {
  const places = layout(
    ["a", "b", "c", "d"],
    [
      { from: "a", to: "b" },
      { from: "b", to: "c" },
      { from: "c", to: "a" },
      { from: "a", to: "d" },
    ],
    ["x", "y", "z"],
  );
  assert.ok(places.get("a")!.x < places.get("b")!.x && places.get("b")!.x < places.get("c")!.x);
  const many = Array.from({ length: 1000 }, (_, i) => `n${i}`);
  const wide = layout(
    ["root", ...many],
    many.map((to) => ({ from: "root", to })),
    [],
  );
  assert.ok(Math.max(...Array.from(wide.values(), ({ y }) => y)) < 6000, "not one column of a thousand");
  assert.equal(new Set([...places.values()].map(({ x, y }) => `${x} ${y}`)).size, 7);
});

test("a trace as one line, and as a waterfall", () => {
  const trace = {
    id: TRACE[0]!.traceId,
    spans: new Map(TRACE.toReversed().map((each) => [each.id, each])),
    revision: 1,
  };
  const row = rowOf(trace);
  assert.deepEqual(
    [row.startMs, row.durationMs, row.responseMs, row.outcome, row.handled, row.coldStarts, row.status],
    [1000, 3030, 20, "ok", 1, 1, 200],
    "what a function was refused and went on after is no failure of the request",
  );
  assert.deepEqual(row.through, ["apigateway", "sqs", "lambda", "dynamodb"]);
  const failed = TRACE.map((each) =>
    each.id === "d" ? { ...each, error: { code: "Unhandled", message: "oh", fault: true } } : each,
  );
  const other = rowOf({ ...trace, spans: new Map(failed.map((each) => [each.id, each])) });
  assert.deepEqual([other.outcome, other.error, other.handled], ["fault", "Unhandled", 0]);
  assert.ok(row.text.includes("table/orders"));
  assert.deepEqual(
    waterfall(TRACE.toReversed()).map(({ span: { id }, depth }) => `${id}${depth}`),
    ["a0", "b1", "c2", "d3", "e4"],
  );
});

test("steps are called by what they did", () => {
  const titles: readonly (readonly [string, Partial<Span>, string])[] = [
    ["sqs", { name: "SendMessage" }, "sqs SendMessage"],
    ["apigateway", { name: "POST /messages" }, "POST /messages"],
    ["s3", { name: "s3.NotificationOwed" }, "s3 notification"],
    ["sqs", { name: "sqs.MoveTaskDue" }, "sqs move task due"],
    [
      "s3",
      { name: "POST /", attributes: { front: "s3 form upload by path", bucket: "pictures" } },
      "POST s3://pictures/",
    ],
    ["s3", { name: "GET /a.html", attributes: { front: "s3-website", bucket: "pages" } }, "GET /a.html"],
  ];
  for (const [service, more, title] of titles) assert.equal(titleOf(span("x", undefined, service, "", more)), title);
});

test("load second by second, and workers between their counts", () => {
  const load = loadOf(TRACE, 0, 6000);
  assert.deepEqual(load.running, [0, 1, 1, 1, 1, 0]);
  assert.deepEqual(load.coldStarts, [0, 1, 0, 0, 0, 0]);
  assert.deepEqual(load.functions.get("work")!.initMs, 100);
  const samples = [
    { atMs: 1500, functions: { work: { busy: 1 } } },
    { atMs: 4200, functions: { work: { frozen: 1 } } },
  ];
  const { busy, frozen } = workersOf(samples, load.seconds);
  assert.deepEqual(busy, [null, 1, 1, 1, 0, 0]);
  assert.deepEqual(frozen, [null, 0, 0, 0, 1, 1]);
});
