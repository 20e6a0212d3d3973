/** Functions in Java, compiled by the machine's own JDK. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { after, before, test } from "node:test";
import { openTestHost } from "../testing.ts";

const shared = openTestHost();
const RUNTIME = ["java17", "java21", "java25", "java11"].find((name) => shared.host.runtime(name).available);
const withJava = { skip: RUNTIME === undefined && "no JDK on this machine" };
const folder = mkdtempSync(join(tmpdir(), "virga-java-"));
after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await shared.close();
});

/** The interfaces of aws-lambda-java-core, as far as the tests' functions use them. */
const CORE = {
  Context:
    "public interface Context { String getAwsRequestId(); String getFunctionName(); String getInvokedFunctionArn(); int getRemainingTimeInMillis(); int getMemoryLimitInMB(); LambdaLogger getLogger(); ClientContext getClientContext(); }",
  ClientContext: "public interface ClientContext { java.util.Map<String, String> getCustom(); }",
  LambdaLogger: "public interface LambdaLogger { void log(String message); void log(byte[] message); }",
  RequestHandler: "public interface RequestHandler<I, O> { O handleRequest(I input, Context context); }",
  RequestStreamHandler:
    "public interface RequestStreamHandler { void handleRequest(java.io.InputStream in, java.io.OutputStream out, Context context) throws java.io.IOException; }",
};

const SHOP = `package shop;
import com.amazonaws.services.lambda.runtime.*;
import java.util.*;
public class Handlers {
  public enum Size { SMALL, LARGE }
  public static class Item { private String name; private int count; private Size size; private List<Double> prices; public boolean[] flags;
    public String getName() { return name; } public void setName(String v) { name = v; }
    public int getCount() { return count; } public void setCount(int v) { count = v; }
    public Size getSize() { return size; } public void setSize(Size v) { size = v; }
    public List<Double> getPrices() { return prices; } public void setPrices(List<Double> v) { prices = v; } }
  public static class Order { private Map<String, Item> items; private long total;
    public Map<String, Item> getItems() { return items; } public void setItems(Map<String, Item> v) { items = v; }
    public long getTotal() { return total; } public void setTotal(long v) { total = v; } }
  public static class Beans implements RequestHandler<Order, Order> {
    public Order handleRequest(Order order, Context context) { for (Item item : order.getItems().values()) order.setTotal(order.getTotal() + item.getCount()); return order; } }
  public record Pair(int left, String right) {}
  private int calls;
  public Map<String, Object> facts(Map<String, Object> event, Context context) {
    Map<String, Object> all = new TreeMap<>(); all.put("event", event); all.put("calls", ++calls); all.put("name", context.getFunctionName());
    all.put("arn", context.getInvokedFunctionArn()); all.put("left", context.getRemainingTimeInMillis()); all.put("mb", context.getMemoryLimitInMB());
    all.put("mine", System.getenv("MINE")); all.put("trace", System.getProperty("com.amazonaws.xray.traceHeader")); all.put("env", System.getenv().keySet()); all.put("text", "\\u00e9\\ud83d\\ude00");
    System.out.println("printed"); context.getLogger().log("logged\\ntwice\\n"); return all; }
  public Pair pair(Pair pair) { return new Pair(pair.left() + 1, pair.right()); }
  public int sum(List<Integer> all) { return all.stream().mapToInt(Integer::intValue).sum(); }
  public static void nothing() {}
  public String fails(Map<String, String> event) { inner(event); return ""; }
  private void inner(Map<String, String> event) { if (event.containsKey("out")) throw new OutOfMemoryError("mine"); throw new IllegalStateException("bad"); }
  public static class Streams implements RequestStreamHandler {
    public void handleRequest(java.io.InputStream in, java.io.OutputStream out, Context context) throws java.io.IOException { out.write('['); in.transferTo(out); out.write(']'); } }
  public static abstract class Base<T> implements RequestHandler<T, String> { public String handleRequest(T input, Context context) { return take(input); } abstract String take(T input); }
  public static class Derived extends Base<Item> { String take(Item item) { return item.getName(); } }
  public static class Breaks { public Breaks() { throw new IllegalArgumentException("not today"); } public void handle() {} }
}`;

let classes: Record<string, Buffer> = {};
before(() => {
  if (RUNTIME === undefined) return;
  const sources: string[] = [];
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
    sources.push(join(folder, name));
  };
  for (const [name, text] of Object.entries(CORE))
    write(
      `com/amazonaws/services/lambda/runtime/${name}.java`,
      `package com.amazonaws.services.lambda.runtime; ${text}`,
    );
  write("shop/Handlers.java", SHOP);
  const out = join(folder, "out");
  const { status, stderr } = spawnSync("javac", ["-d", out, ...sources], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  classes = Object.fromEntries(
    globSync(join(out, "**/*.class")).map((file) => [relative(out, file), readFileSync(file)] as const),
  );
});
const java = (handler: string, more = {}) => shared.fn(RUNTIME!, classes, { handler, memoryMb: 256, ...more });

test("a Java handler: event, context, environment, several values, a warm worker", withJava, async () => {
  const spec = await java("shop.Handlers::facts", { environment: { MINE: "it's\n«mine»" } });
  const { json, functionError, logTail } = await shared.invoke(spec, { a: [1, 2.5, null, true, "é"] });
  assert.equal(functionError, undefined, logTail.toString());
  assert.deepEqual(json.event, { a: [1, 2.5, null, true, "é"] });
  assert.equal(json.text, "é😀");
  assert.equal(json.name, spec.functionName);
  assert.equal(json.arn, spec.invokedArn);
  assert.equal(json.mb, 256);
  assert.equal(json.mine, "it's\n«mine»");
  assert.ok(json.left > 5000 && json.left <= 10_000);
  assert.ok(json.env.includes("AWS_ACCESS_KEY_ID") && !json.env.includes("HOME"));
  assert.match(logTail.toString(), /\nprinted\n/);
  assert.match(logTail.toString(), /\nlogged\ntwice\n/);
  assert.equal((await shared.invoke(spec)).json.calls, 2);
});

test("Java: beans, records, lists, streams, generic bases, methods that return nothing", withJava, async () => {
  const order = { items: { a: { name: "pen", count: 2, size: "LARGE", prices: [1, 2.5], flags: [true] } }, more: 1 };
  const cases: [string, unknown, unknown][] = [
    ["shop.Handlers$Beans", order, { items: order.items, total: 2 }],
    ["shop.Handlers::pair", { left: 1, right: "r" }, { left: 2, right: "r" }],
    ["shop.Handlers::sum", [1, 2, 3], 6],
    ["shop.Handlers::nothing", {}, null],
    ["shop.Handlers$Streams", { a: 1 }, [{ a: 1 }]],
    ["shop.Handlers$Derived", { name: "n" }, "n"],
  ];
  for (const [handler, event, expected] of cases) {
    const { json, logTail } = await shared.invoke(await java(handler), event);
    assert.deepEqual(json, expected, `${handler} ${logTail}`);
  }
});

// https://docs.aws.amazon.com/lambda/latest/dg/java-exceptions.html shows the form.
test("what Java throws, what cannot be read or found", withJava, async () => {
  const thrown = await shared.invoke(await java("shop.Handlers::fails"));
  assert.equal(thrown.functionError, "Unhandled");
  assert.deepEqual(thrown.json, {
    errorMessage: "bad",
    errorType: "java.lang.IllegalStateException",
    stackTrace: ["shop.Handlers.inner(Handlers.java:27)", "shop.Handlers.fails(Handlers.java:26)"],
  });
  assert.match(
    thrown.logTail.toString(),
    /\nbad: java\.lang\.IllegalStateException\njava\.lang\.IllegalStateException: bad\n\tat shop/,
  );
  const cases: [string, unknown, object][] = [
    [
      "shop.Nothing",
      {},
      { errorMessage: "Class not found: shop.Nothing", errorType: "java.lang.ClassNotFoundException" },
    ],
    ["::x", {}, { errorMessage: "Invalid handler: `::x'" }],
    [
      "shop.Handlers::nope",
      {},
      { errorMessage: "No public method named nope with appropriate method signature found on class shop.Handlers" },
    ],
    ["shop.Handlers", {}, { errorMessage: "Class does not implement an appropriate handler interface: shop.Handlers" }],
    [
      "shop.Handlers::sum",
      { a: 1 },
      { errorMessage: "An error occurred during JSON parsing", errorType: "java.lang.RuntimeException" },
    ],
    [
      "shop.Handlers$Breaks::handle",
      {},
      { errorMessage: "not today", errorType: "java.lang.IllegalArgumentException" },
    ],
  ];
  for (const [handler, event, expected] of cases) {
    const { json } = await shared.invoke(await java(handler), event);
    assert.deepEqual(json, expected, handler);
  }
  const spec = await java("shop.Handlers::fails");
  assert.equal((await shared.invoke(spec, { out: "1" })).json.errorType, "java.lang.OutOfMemoryError");
  assert.notEqual((await shared.invoke(spec)).initMs, undefined, "the process was ended");
});
