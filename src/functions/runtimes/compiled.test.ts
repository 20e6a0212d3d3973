/** Programs that bring their own client of the Runtime API: compiled C for `provided.*`, an executable assembly for `dotnet*`. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { dotnetPath } from "../../../tools/setup.ts";
import { openTestHost } from "../testing.ts";

const dotnet = existsSync(dotnetPath()) ? dotnetPath() : undefined;
const shared = openTestHost({ ...(dotnet !== undefined && { runtimes: { dotnet8: dotnet } }) });
const folder = mkdtempSync(join(tmpdir(), "virga-compiled-"));
after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await shared.close();
});
const has = (command: string): boolean => spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;

/** A whole runtime over bare sockets: asks for an event, answers with it; `"fail"` in the event reports an error, `"crash"` ends the process. */
const C_BOOTSTRAP = `
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
static char buffer[1 << 20];
static char *talk(const char *text, size_t length) {
  char host[64]; strncpy(host, getenv("AWS_LAMBDA_RUNTIME_API"), 63); host[63] = 0;
  char *colon = strchr(host, ':'); *colon = 0;
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(atoi(colon + 1)) };
  inet_pton(AF_INET, host, &address.sin_addr);
  int line = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(line, (struct sockaddr *)&address, sizeof address)) { perror("connect"); exit(9); }
  if (write(line, text, length) < 0) exit(8);
  size_t have = 0; ssize_t got;
  while ((got = read(line, buffer + have, sizeof buffer - 1 - have)) > 0) have += got;
  close(line); buffer[have] = 0; return buffer;
}
static int post(const char *path, const char *body) {
  static char request[1 << 20];
  int length = snprintf(request, sizeof request, "POST %s HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\nContent-Length: %zu\\r\\n\\r\\n%s", path, strlen(body), body);
  return atoi(talk(request, length) + 9);
}
int main(void) {
  static char event[1 << 19], body[1 << 19], id[64], path[256]; int calls = 0;
  const char *next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n";
  for (;;) {
    char *answer = talk(next, strlen(next));
    char *at = strcasestr(answer, "lambda-runtime-aws-request-id: "); sscanf(at + 31, "%63[^\\r]", id);
    strcpy(event, strstr(answer, "\\r\\n\\r\\n") + 4);
    printf("call %d\\n", ++calls); fflush(stdout);
    if (strstr(event, "crash")) abort();
    int failed = strstr(event, "fail") != NULL;
    snprintf(path, sizeof path, "/2018-06-01/runtime/invocation/%s/%s", id, failed ? "error" : "response");
    snprintf(body, sizeof body, failed ? "{\\"errorType\\":\\"Mine\\",\\"errorMessage\\":\\"no\\"}" : "{\\"calls\\":%d,\\"event\\":%s,\\"handler\\":\\"%s\\"}", calls, event, getenv("_HANDLER"));
    if (post(path, body) != 202) return 7;
  }
}`;

test("provided.*: a bootstrap compiled from C", { skip: !has("gcc") && "no C compiler on this machine" }, async () => {
  const source = join(folder, "bootstrap.c");
  writeFileSync(source, C_BOOTSTRAP);
  const built = spawnSync("gcc", ["-D_GNU_SOURCE", "-static", "-O1", "-o", join(folder, "bootstrap"), source], {
    encoding: "utf8",
  });
  assert.equal(built.status, 0, built.stderr);
  const spec = await shared.fn(
    "provided.al2023",
    { bootstrap: readFileSync(join(folder, "bootstrap")) },
    { handler: "the.handler" },
  );
  const first = await shared.invoke(spec, { a: 1 });
  assert.deepEqual(first.json, { calls: 1, event: { a: 1 }, handler: "the.handler" }, first.logTail.toString());
  assert.match(first.logTail.toString(), /\ncall 1\n/);
  const second = await shared.invoke(spec);
  assert.equal(second.json.calls, 2, `${JSON.stringify(second.json)} ${second.logTail}`);
  assert.deepEqual((await shared.invoke(spec, { fail: 1 })).json, { errorType: "Mine", errorMessage: "no" });
  const crashed = await shared.invoke(spec, { crash: 1 });
  assert.equal(crashed.json.errorType, "Runtime.ExitError");
  assert.match(crashed.json.errorMessage, /Runtime exited with error: signal: aborted$/);
  assert.equal((await shared.invoke(spec)).json.calls, 1);
});

const CSHARP = `using System; using System.IO; using System.Net; using System.Text;
class Program {
  static string Post(string path, string body) {
    var request = (HttpWebRequest)WebRequest.Create("http://" + Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API") + path);
    request.Method = "POST"; var bytes = Encoding.UTF8.GetBytes(body); request.ContentLength = bytes.Length;
    using (var stream = request.GetRequestStream()) stream.Write(bytes, 0, bytes.Length);
    using (var response = request.GetResponse()) return new StreamReader(response.GetResponseStream()).ReadToEnd();
  }
  static int Main() {
    for (int calls = 1; ; calls++) {
      var next = (HttpWebRequest)WebRequest.Create("http://" + Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/next");
      next.Timeout = -1;
      using (var response = next.GetResponse()) {
        var id = response.Headers["Lambda-Runtime-Aws-Request-Id"];
        var body = new StreamReader(response.GetResponseStream()).ReadToEnd();
        Console.WriteLine("call " + calls);
        if (body.Contains("exit")) return 5;
        var to = "/2018-06-01/runtime/invocation/" + id;
        if (body.Contains("fail")) Post(to + "/error", "{\\"errorType\\":\\"Mine\\",\\"errorMessage\\":\\"no\\"}");
        else Post(to + "/response", "{\\"calls\\":" + calls + ",\\"event\\":" + body + ",\\"root\\":\\"" + Environment.GetEnvironmentVariable("LAMBDA_TASK_ROOT") + "\\"}");
      }
    }
  }
}`;

test("dotnet*: an executable assembly with a Runtime API client of its own", {
  skip: (dotnet === undefined || !has("mcs")) && "no .NET on this machine",
}, async () => {
  const source = join(folder, "Program.cs");
  writeFileSync(source, CSHARP);
  const built = spawnSync("mcs", [`-out:${join(folder, "Shop.exe")}`, source], { encoding: "utf8" });
  assert.equal(built.status, 0, built.stderr);
  const files = {
    "Shop.dll": readFileSync(join(folder, "Shop.exe")),
    "Shop.runtimeconfig.json": JSON.stringify({
      runtimeOptions: {
        framework: { name: "Microsoft.NETCore.App", version: "2.0.0" },
        configProperties: { "System.Globalization.Invariant": true },
      },
    }),
  };
  const more = { memoryMb: 256 };
  const spec = await shared.fn("dotnet8", files, { handler: "Shop", ...more });
  const first = await shared.invoke(spec, { a: 1 });
  assert.equal(first.json.calls, 1, first.logTail.toString());
  assert.deepEqual(first.json.event, { a: 1 });
  assert.match(first.logTail.toString(), /\ncall 1\n/);
  const second = await shared.invoke(spec);
  assert.equal(second.json.calls, 2, `${JSON.stringify(second.json)} ${second.logTail}`);
  assert.deepEqual((await shared.invoke(spec, { fail: 1 })).json, { errorType: "Mine", errorMessage: "no" });
  assert.match((await shared.invoke(spec, { exit: 1 })).json.errorMessage, /Runtime exited with error: exit status 5$/);
  const missing = await shared.invoke(await shared.fn("dotnet8", files, { handler: "Nothing", ...more }));
  assert.equal(missing.json.errorType, "Runtime.InvalidEntrypoint");
  assert.match(missing.json.errorMessage, /Could not find the executable assembly \/var\/task\/Nothing\.dll$/);
});
