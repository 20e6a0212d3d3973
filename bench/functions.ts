/** Functions: cold and warm invocations, an HTTP API in front of one, a queue before one, and the contact form from submit to row. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dotnetPath } from "../tools/setup.ts";
import { virga as command, median, report, start, startEcho, startVirga, stop, type Virga } from "./measure.ts";
import { createFunction, http, invoke, rest, signed, timed } from "./requests.ts";
import { workers } from "./workers.ts";

const COLD_ROUNDS = 12;
const WARM_ROUNDS = 400;
const EFFECT_ROUNDS = 60;
export async function functions(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "virga-bench-"));
  const dotnet = existsSync(dotnetPath()) ? ["--runtime", `dotnet8=${dotnetPath()}`] : [];
  const virga = await startVirga(["--data", join(folder, "data"), ...dotnet]);
  try {
    await invocations(virga, folder);
    await httpApi(virga, folder);
    await effects(virga, folder);
    await workers(virga, folder);
  } finally {
    await stop(virga.child);
    rmSync(folder, { recursive: true, force: true });
  }
  await form();
}

async function invocations(virga: Virga, folder: string): Promise<void> {
  const hello = "export const handler = async () => ({ ok: true });";
  await createFunction(virga, folder, "warm-up", hello);
  await invoke(virga, "warm-up");
  const cold: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < COLD_ROUNDS; round++) {
    await createFunction(virga, folder, `cold-${round}`, hello);
    // The spare that the last start used is made anew meanwhile, as between any two starts.
    await new Promise((resolve) => setTimeout(resolve, 400));
    bare.push(await timed(async () => execFileSync(process.execPath, ["-e", "0"])));
    cold.push(await timed(() => invoke(virga, `cold-${round}`)));
  }
  const ratio = median(cold.map((value, index) => value / bare[index]!));
  report({
    what: "cold start, small Node handler",
    measured: `${median(cold).toFixed(1)} ms`,
    against: `node -e 0: ${median(bare).toFixed(1)} ms`,
    ratio,
    budget: "≤ 0.5",
    met: ratio <= 0.5,
  });

  const echo = await startEcho(11);
  const hops: number[] = [];
  const warm: number[] = [];
  for (let round = 0; round < WARM_ROUNDS; round++) {
    hops.push(await timed(() => http(echo.port, "POST", "/", {}, "{}")));
    warm.push(await timed(() => invoke(virga, "warm-up")));
  }
  const over = median(warm) - median(hops);
  report({
    what: "warm invocation over a bare HTTP hop",
    measured: `${over.toFixed(2)} ms`,
    against: `hop: ${median(hops).toFixed(2)} ms`,
    ratio: undefined,
    budget: "≤ 1 ms",
    met: over <= 1,
  });
  await stop(echo.child);
}

async function httpApi(virga: Virga, folder: string): Promise<void> {
  await createFunction(
    virga,
    folder,
    "api",
    "export const handler = async (event) => ({ statusCode: 200, body: event.rawPath });",
  );
  const api = await rest(virga.port, "apigateway", "POST", "/v2/apis", {
    name: "bench",
    protocolType: "HTTP",
    target: "arn:aws:lambda:us-east-1:000000000000:function:api",
  });
  const headers = { host: `${api.apiId}.execute-api.localhost:${virga.port}` };
  const ask = () => http(virga.port, "GET", "/hello", headers);
  const first = await ask();
  if (first.status !== 200) throw new Error(`the API answered ${first.status} ${first.text}`);
  const times: number[] = [];
  for (let round = 0; round < WARM_ROUNDS; round++) times.push(await timed(ask));
  report({
    what: "HTTP API → warm Node function",
    measured: `${median(times).toFixed(2)} ms`,
    against: "-",
    ratio: undefined,
    budget: "≤ 1.2 ms",
    met: median(times) <= 1.2,
  });
}

/** From the cause to what a function does: a message in its queue, an object in its bucket. */
async function effects(virga: Virga, folder: string): Promise<void> {
  // The effect is a request to a server of ours that notes when it came.
  let arrived = () => {};
  const { createServer } = await import("node:http");
  const effect = createServer((_, response) => {
    response.end();
    arrived();
  });
  await new Promise<void>((resolve) => effect.listen(0, "127.0.0.1", resolve));
  const { port } = effect.address() as { port: number };
  const code = `import { get } from "node:http"; export const handler = () => new Promise((resolve) => get("http://127.0.0.1:${port}/", (answer) => answer.resume().on("end", resolve)));`;
  const measure = async (what: string, cause: (round: number) => Promise<unknown>) => {
    const times: number[] = [];
    for (let round = 0; round < EFFECT_ROUNDS; round++) {
      const came = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      const took = await timed(async () => {
        await cause(round);
        await came;
      });
      if (round >= 10) times.push(took);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    report({
      what: `${what} → function's effect, warm`,
      measured: `${median(times).toFixed(1)} ms`,
      against: "-",
      ratio: undefined,
      budget: "≤ 10 ms",
      met: median(times) <= 10,
    });
  };

  await createFunction(virga, folder, "effect", code);
  const { QueueUrl } = await virga.call("AmazonSQS.CreateQueue", {
    QueueName: "effects",
    Attributes: { VisibilityTimeout: "30" },
  });
  await rest(virga.port, "lambda", "POST", "/2015-03-31/event-source-mappings", {
    FunctionName: "effect",
    EventSourceArn: "arn:aws:sqs:us-east-1:000000000000:effects",
    BatchSize: 1,
  });
  const send = { "content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.SendMessage" };
  const message = JSON.stringify({ QueueUrl, MessageBody: "x" });
  await measure("message sent", () => http(virga.port, "POST", "/", send, message));

  await createFunction(virga, folder, "uploaded", code);
  const put = async (path: string, body: string) => {
    const headers = { ...signed("s3"), "x-amz-content-sha256": "UNSIGNED-PAYLOAD" };
    const { status, text } = await http(virga.port, "PUT", path, headers, body);
    if (status >= 300) throw new Error(`PUT ${path}: ${status} ${text}`);
  };
  await put("/effects", "");
  await put(
    "/effects?notification",
    "<NotificationConfiguration><CloudFunctionConfiguration><CloudFunction>arn:aws:lambda:us-east-1:000000000000:function:uploaded</CloudFunction><Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration></NotificationConfiguration>",
  );
  await measure("object uploaded", (round) => put(`/effects/${round}`, "x".repeat(1024)));
  effect.close();
}

async function form(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "virga-bench-"));
  const { child, match } = await start(
    [command, "up", "examples/contact-form", "--port", "0", "--data", folder, "--no-watch", "--json"],
    /\{\n[\s\S]*\n\}\n/,
  );
  try {
    const { endpoint, applications } = JSON.parse(match[0]) as {
      endpoint: string;
      applications: { outputs: { name: string; value: string }[] }[];
    };
    const outputs = Object.fromEntries(applications[0]!.outputs.map(({ name, value }) => [name, value]));
    const port = Number(new URL(endpoint).port);
    const api = new URL(outputs["ApiUrl"]!);
    const submit = (message: string) =>
      http(
        port,
        "POST",
        api.pathname,
        { host: api.host, "content-type": "application/json" },
        JSON.stringify({ name: "Bench", email: "bench@example.com", message }),
      );
    const mailed = async () => {
      const { messages } = JSON.parse((await http(port, "GET", "/_aws/ses", {})).text) as { messages: unknown[] };
      return messages.length;
    };
    const times: number[] = [];
    for (let round = 0; round < EFFECT_ROUNDS; round++) {
      const before = await mailed();
      const took = await timed(async () => {
        await submit(`message ${round}`);
        while ((await mailed()) === before);
      });
      if (round >= 10) times.push(took);
    }
    report({
      what: "form posted → row in the table, mail sent, warm",
      measured: `${median(times).toFixed(1)} ms`,
      against: "-",
      ratio: undefined,
      budget: "≤ 20 ms",
      met: median(times) <= 20,
    });
  } finally {
    await stop(child);
    rmSync(folder, { recursive: true, force: true });
  }
}
