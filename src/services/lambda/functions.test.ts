import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import { logs } from "../logs/service.ts";
import type { InputOf, Service } from "../service.ts";
import { createLambda } from "./service.ts";
import { FakeConcurrencyExceeded, type FakePorts, fakePorts, fakeSts, sha256Base64 } from "./testing.ts";

const ROLE = "arn:aws:iam::000000000000:role/lambda";
const ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello";

type CreateInput = InputOf<"lambda", "CreateFunction">;

const hello: CreateInput = {
  FunctionName: "hello",
  Role: ROLE,
  Runtime: "nodejs22.x",
  Handler: "index.handler",
  Code: { ZipFile: Buffer.from("zip") },
};

async function withLambda(run: (platform: TestPlatform, ports: FakePorts) => Promise<void>): Promise<void> {
  const ports = fakePorts();
  const services = [createLambda(ports), fakeSts, logs] as unknown as Service[];
  const platform = await openTestPlatform({ services });
  try {
    await run(platform, ports);
  } finally {
    await platform.close();
  }
}

const json = (payload: Uint8Array | undefined): unknown => JSON.parse(Buffer.from(payload!).toString("utf8"));

test("a function is created with AWS's defaults, read, listed and deleted", () =>
  withLambda(async (platform) => {
    const created = await platform.call("lambda", "CreateFunction", hello);
    assert.equal(created.FunctionArn, ARN);
    assert.equal(created.Timeout, 3);
    assert.equal(created.MemorySize, 128);
    assert.equal(created.Version, "$LATEST");
    assert.equal(created.CodeSha256, sha256Base64("zip"));
    assert.equal(created.CodeSize, 3);
    assert.equal(created.LastModified, "2026-01-01T00:00:00.000+0000");
    assert.deepEqual(created.LoggingConfig, { LogFormat: "Text", LogGroup: "/aws/lambda/hello" });
    assert.deepEqual(created.EphemeralStorage, { Size: 512 });

    for (const FunctionName of ["hello", "000000000000:function:hello", ARN]) {
      const { Configuration, Code } = await platform.call("lambda", "GetFunction", { FunctionName });
      assert.deepEqual(Configuration, created);
      assert.match(Code!.Location!, /^http:\/\/localhost:4566\/_aws\/lambda\/code\//);
    }
    const qualified = await platform.call("lambda", "GetFunctionConfiguration", { FunctionName: `${ARN}:$LATEST` });
    assert.equal(qualified.FunctionArn, `${ARN}:$LATEST`);

    const { Functions } = await platform.call("lambda", "ListFunctions", {});
    assert.deepEqual(
      Functions!.map(({ FunctionName, State }) => [FunctionName, State]),
      [["hello", undefined]],
    );
    await platform.call("lambda", "DeleteFunction", { FunctionName: "hello" });
    await assert.rejects(platform.call("lambda", "GetFunction", { FunctionName: "hello" }), {
      code: "ResourceNotFoundException",
      status: 404,
      message: `Function not found: ${ARN}`,
    });
  }));

const refusals: readonly (readonly [string, Partial<CreateInput>, { code: string; message: string | RegExp }])[] = [
  [
    "a role that is no ARN",
    { Role: "nobody" },
    {
      code: "ValidationException",
      message: `1 validation error detected: Value 'nobody' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+`,
    },
  ],
  [
    "a role that Lambda may not assume",
    { Role: "arn:aws:iam::000000000000:role/missing" },
    {
      code: "InvalidParameterValueException",
      message: "The role defined for the function cannot be assumed by Lambda.",
    },
  ],
  [
    "two limits at once",
    { Timeout: 901, MemorySize: 64 },
    {
      code: "ValidationException",
      message:
        "2 validation errors detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900; Value '64' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128",
    },
  ],
  [
    "an unknown runtime",
    { Runtime: "nodejs99.x" as never },
    { code: "InvalidParameterValueException", message: /^Value nodejs99\.x at 'runtime'/ },
  ],
  [
    "a retired runtime",
    { Runtime: "python2.7" },
    {
      code: "InvalidParameterValueException",
      message:
        "The runtime parameter of python2.7 is no longer supported for creating or updating AWS Lambda functions. We recommend you use the new runtime (python3.14) while creating or updating functions.",
    },
  ],
  [
    "a runtime that the machine lacks",
    { Runtime: "ruby3.4" },
    {
      code: "InvalidParameterValueException",
      message: "The runtime ruby3.4 is not available on this machine. Install Ruby: apt-get install ruby.",
    },
  ],
  [
    "a .NET class library",
    { Runtime: "dotnet8", Handler: "Shop::Shop.Function::Handle" },
    {
      code: "NotImplemented",
      message:
        "Virga does not support the class library handler Shop::Shop.Function::Handle for dotnet8 (build an executable with Amazon.Lambda.RuntimeSupport and name its assembly as the handler). COMPAT.md lists what it supports.",
    },
  ],
  [
    "no handler",
    { Handler: undefined },
    {
      code: "InvalidParameterValueException",
      message: "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
    },
  ],
  [
    "no code",
    { Code: {} },
    { code: "InvalidParameterValueException", message: "Please provide a source for function code." },
  ],
  [
    "a reserved variable",
    { Environment: { Variables: { AWS_REGION: "x" } } },
    {
      code: "InvalidParameterValueException",
      message:
        "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_REGION",
    },
  ],
  ["a container image", { PackageType: "Image" }, { code: "NotImplemented", message: /PackageType Image/ }],
  ["a VPC", { VpcConfig: { SubnetIds: ["subnet-1"] } }, { code: "NotImplemented", message: /VpcConfig/ }],
  [
    "a missing layer",
    { Layers: [`${ARN.replace("function:hello", "layer:shared")}:1`] },
    { code: "InvalidParameterValueException", message: /does not exist\.$/ },
  ],
  [
    "a name that is too long",
    { FunctionName: "x".repeat(65) },
    { code: "InvalidParameterValueException", message: /Member must have length less than or equal to 64$/ },
  ],
];

for (const [what, change, expected] of refusals) {
  test(`${what} is refused`, () =>
    withLambda(async (platform) => {
      await assert.rejects(platform.call("lambda", "CreateFunction", { ...hello, ...change }), expected);
      assert.deepEqual((await platform.call("lambda", "ListFunctions", {})).Functions, []);
    }));
}

test("a name is taken once", () =>
  withLambda(async (platform) => {
    await platform.call("lambda", "CreateFunction", hello);
    await assert.rejects(platform.call("lambda", "CreateFunction", hello), {
      code: "ResourceConflictException",
      status: 409,
      message: "Function already exist: hello",
    });
  }));

test("a local folder is code as it is", () =>
  withLambda(async (platform, ports) => {
    const Code = { S3Bucket: "hot-reload", S3Key: "/projects/hello" };
    await assert.rejects(platform.call("lambda", "CreateFunction", { ...hello, Code }), {
      message: "The code folder /projects/hello does not exist on this machine.",
    });
    ports.directories.add("/projects/hello");
    const principal = { type: "service", service: "somebody.amazonaws.com" } as const;
    await assert.rejects(platform.call("lambda", "CreateFunction", { ...hello, Code }, { principal }), {
      code: "AccessDeniedException",
      message: "Only the root user of the platform's own account may take code from a folder of this machine.",
    });
    await platform.call("lambda", "CreateFunction", { ...hello, Code });
    await platform.call("lambda", "Invoke", { FunctionName: "hello" });
    assert.equal(ports.runs[0]!.spec.codeDirectory, "/projects/hello");
  }));

test("an invocation hands the event to the worker and brings its answer back", () =>
  withLambda(async (platform, ports) => {
    ports.handlers.set("hello", (event) => ({ greeting: `Hello ${event.name}` }));
    await platform.call("lambda", "CreateFunction", { ...hello, Environment: { Variables: { STAGE: "test" } } });
    const answer = await platform.call("lambda", "Invoke", {
      FunctionName: "hello",
      Payload: Buffer.from('{"name":"Ada"}'),
      LogType: "Tail",
    });
    assert.equal(answer.StatusCode, 200);
    assert.equal(answer.FunctionError, undefined);
    assert.equal(answer.ExecutedVersion, "$LATEST");
    assert.deepEqual(json(answer.Payload), { greeting: "Hello Ada" });
    assert.equal(Buffer.from(answer.LogResult!, "base64").toString(), "END");
    const { spec } = ports.runs[0]!;
    assert.deepEqual(spec.environment, { AWS_ENDPOINT_URL: "http://127.0.0.1:4566", STAGE: "test" });
    assert.equal(spec.invokedArn, ARN);
    assert.equal(spec.timeoutMs, 3000);
    assert.equal((await spec.credentials()).accessKeyId, "ASIAEXAMPLE");
  }));

test("errors, limits and bad payloads are told apart", () =>
  withLambda(async (platform, ports) => {
    await platform.call("lambda", "CreateFunction", hello);
    const call = (input: Partial<InputOf<"lambda", "Invoke">>) =>
      platform.call("lambda", "Invoke", { FunctionName: "hello", ...input });
    ports.handlers.set("hello", () => {
      throw new TypeError("no such thing");
    });
    const failed = await call({});
    assert.equal(failed.StatusCode, 200);
    assert.equal(failed.FunctionError, "Unhandled");
    assert.deepEqual(json(failed.Payload), { errorMessage: "no such thing", errorType: "TypeError" });

    ports.handlers.set("hello", () => {
      throw new FakeConcurrencyExceeded();
    });
    await assert.rejects(call({}), {
      code: "TooManyRequestsException",
      status: 429,
      message: "Rate Exceeded.",
      detail: { Type: "User", Reason: "ConcurrentInvocationLimitExceeded" },
    });
    await assert.rejects(call({ Payload: Buffer.from("{") }), { code: "InvalidRequestContentException", status: 400 });
    await assert.rejects(call({ Payload: Buffer.alloc(6 * 1024 * 1024 + 1) }), {
      code: "RequestEntityTooLargeException",
      status: 413,
      message: "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    });
    await assert.rejects(call({ InvocationType: "Event", Payload: Buffer.alloc(1024 * 1024 + 1) }), { status: 413 });
    assert.equal((await call({ InvocationType: "DryRun" })).StatusCode, 204);
    await assert.rejects(call({ Qualifier: "9" }), { message: `Function not found: ${ARN}:9` });
    await assert.rejects(call({ FunctionName: "hello:1", Qualifier: "2" }), {
      message: "The derived qualifier from the function name does not match the specified qualifier.",
    });
    await platform.call("lambda", "PutFunctionConcurrency", { FunctionName: "hello", ReservedConcurrentExecutions: 0 });
    const before = ports.runs.length;
    await assert.rejects(call({}), {
      detail: { Type: "User", Reason: "ReservedFunctionConcurrentInvocationLimitExceeded" },
    });
    assert.equal(ports.runs.length, before);
  }));

test("versions freeze code and configuration; publishing twice changes nothing", () =>
  withLambda(async (platform, ports) => {
    await platform.call("lambda", "CreateFunction", hello);
    const first = await platform.call("lambda", "PublishVersion", { FunctionName: "hello", Description: "one" });
    assert.equal(first.Version, "1");
    assert.equal(first.FunctionArn, `${ARN}:1`);
    const again = await platform.call("lambda", "PublishVersion", { FunctionName: "hello" });
    assert.equal(again.Version, "1");
    const updated = await platform.call("lambda", "UpdateFunctionCode", {
      FunctionName: "hello",
      ZipFile: Buffer.from("zip2"),
      Publish: true,
    });
    assert.equal(updated.Version, "2");
    assert.deepEqual(ports.retired, [`${ARN}:$LATEST`]);
    const { Versions } = await platform.call("lambda", "ListVersionsByFunction", { FunctionName: "hello" });
    assert.deepEqual(
      Versions!.map(({ Version, CodeSha256, Description }) => [Version, CodeSha256, Description]),
      [
        ["$LATEST", sha256Base64("zip2"), ""],
        ["1", sha256Base64("zip"), "one"],
        ["2", sha256Base64("zip2"), ""],
      ],
    );
    await assert.rejects(platform.call("lambda", "PublishVersion", { FunctionName: "hello", CodeSha256: "wrong" }), {
      code: "InvalidParameterValueException",
      message: /^CodeSHA256 \(wrong\) is different/,
    });
    await assert.rejects(
      platform.call("lambda", "UpdateFunctionConfiguration", {
        FunctionName: "hello",
        RevisionId: "stale",
        Timeout: 9,
      }),
      { code: "PreconditionFailedException", status: 412 },
    );
    await platform.call("lambda", "UpdateFunctionConfiguration", { FunctionName: "hello", Timeout: 9 });
    await platform.call("lambda", "Invoke", { FunctionName: "hello:1" });
    await platform.call("lambda", "Invoke", { FunctionName: "hello" });
    assert.deepEqual(
      ports.runs.map(({ spec }) => [spec.version, spec.timeoutMs, spec.invokedArn]),
      [
        ["1", 3000, `${ARN}:1`],
        ["$LATEST", 9000, ARN],
      ],
    );
    await platform.call("lambda", "DeleteFunction", { FunctionName: "hello", Qualifier: "1" });
    await assert.rejects(platform.call("lambda", "Invoke", { FunctionName: "hello:1" }), { status: 404 });
  }));

test("an alias follows its version and shares by weight", () =>
  withLambda(async (platform, ports) => {
    await platform.call("lambda", "CreateFunction", { ...hello, Publish: true });
    await platform.call("lambda", "UpdateFunctionCode", {
      FunctionName: "hello",
      ZipFile: Buffer.from("b"),
      Publish: true,
    });
    const alias = await platform.call("lambda", "CreateAlias", {
      FunctionName: "hello",
      Name: "live",
      FunctionVersion: "1",
      RoutingConfig: { AdditionalVersionWeights: { 2: 0.25 } },
    });
    assert.equal(alias.AliasArn, `${ARN}:live`);
    for (let i = 0; i < 400; i++) await platform.call("lambda", "Invoke", { FunctionName: "hello", Qualifier: "live" });
    const second = ports.runs.filter(({ spec }) => spec.version === "2").length;
    assert.ok(second > 60 && second < 140, `${second} of 400 went to version 2`);
    assert.equal(ports.runs[0]!.spec.invokedArn, `${ARN}:live`);

    await assert.rejects(platform.call("lambda", "DeleteFunction", { FunctionName: "hello", Qualifier: "2" }), {
      code: "ResourceConflictException",
    });
    const updated = await platform.call("lambda", "UpdateAlias", {
      FunctionName: "hello",
      Name: "live",
      FunctionVersion: "2",
      RoutingConfig: { AdditionalVersionWeights: {} },
    });
    assert.equal(updated.RoutingConfig, undefined);
    assert.notEqual(updated.RevisionId, alias.RevisionId);
    const { Aliases } = await platform.call("lambda", "ListAliases", { FunctionName: "hello" });
    assert.deepEqual(Aliases, [updated]);
    await platform.call("lambda", "DeleteAlias", { FunctionName: "hello", Name: "live" });
    await assert.rejects(platform.call("lambda", "GetAlias", { FunctionName: "hello", Name: "live" }), {
      message: `Cannot find alias arn: ${ARN}:live`,
    });
    await assert.rejects(
      platform.call("lambda", "CreateAlias", { FunctionName: "hello", Name: "live", FunctionVersion: "7" }),
      { message: `Function not found: ${ARN}:7` },
    );
  }));

test("permissions are written as AWS writes them", () =>
  withLambda(async (platform) => {
    await platform.call("lambda", "CreateFunction", hello);
    const { Statement } = await platform.call("lambda", "AddPermission", {
      FunctionName: "hello",
      StatementId: "api",
      Action: "lambda:InvokeFunction",
      Principal: "apigateway.amazonaws.com",
      SourceArn: "arn:aws:execute-api:us-east-1:000000000000:abc/*",
      SourceAccount: "000000000000",
    });
    const expected = {
      Sid: "api",
      Effect: "Allow",
      Principal: { Service: "apigateway.amazonaws.com" },
      Action: "lambda:InvokeFunction",
      Resource: ARN,
      Condition: {
        StringEquals: { "AWS:SourceAccount": "000000000000" },
        ArnLike: { "AWS:SourceArn": "arn:aws:execute-api:us-east-1:000000000000:abc/*" },
      },
    };
    assert.deepEqual(JSON.parse(Statement!), expected);
    const { Policy, RevisionId } = await platform.call("lambda", "GetPolicy", { FunctionName: "hello" });
    assert.deepEqual(JSON.parse(Policy!), { Version: "2012-10-17", Id: "default", Statement: [expected] });
    await assert.rejects(
      platform.call("lambda", "AddPermission", {
        FunctionName: "hello",
        StatementId: "api",
        Action: "lambda:InvokeFunction",
        Principal: "*",
      }),
      { code: "ResourceConflictException", status: 409 },
    );
    await assert.rejects(
      platform.call("lambda", "AddPermission", {
        FunctionName: "hello",
        StatementId: "x",
        Action: "lambda:InvokeFunction",
        Principal: "nobody",
      }),
      { message: "The provided principal was invalid. Please check the principal and try again." },
    );
    await platform.call("lambda", "RemovePermission", { FunctionName: "hello", StatementId: "api", RevisionId });
    await assert.rejects(platform.call("lambda", "GetPolicy", { FunctionName: "hello" }), {
      message: "The resource you requested does not exist.",
    });
  }));

test("tags, concurrency and account settings", () =>
  withLambda(async (platform) => {
    await platform.call("lambda", "CreateFunction", { ...hello, Tags: { team: "a" } });
    await platform.call("lambda", "TagResource", { Resource: ARN, Tags: { stage: "test" } });
    await platform.call("lambda", "UntagResource", { Resource: ARN, TagKeys: ["team"] });
    assert.deepEqual((await platform.call("lambda", "ListTags", { Resource: ARN })).Tags, { stage: "test" });
    await assert.rejects(platform.call("lambda", "ListTags", { Resource: "hello" }), { code: "ValidationException" });

    await platform.call("lambda", "PutFunctionConcurrency", {
      FunctionName: "hello",
      ReservedConcurrentExecutions: 10,
    });
    await assert.rejects(
      platform.call("lambda", "PutFunctionConcurrency", { FunctionName: "hello", ReservedConcurrentExecutions: 901 }),
      { message: /below its minimum value of \[100\]\.$/ },
    );
    const { Concurrency } = await platform.call("lambda", "GetFunction", { FunctionName: "hello" });
    assert.deepEqual(Concurrency, { ReservedConcurrentExecutions: 10 });
    const settings = await platform.call("lambda", "GetAccountSettings", {});
    assert.equal(settings.AccountLimit!.UnreservedConcurrentExecutions, 990);
    assert.deepEqual(settings.AccountUsage, { TotalCodeSize: 3, FunctionCount: 1 });
    await platform.call("lambda", "DeleteFunction", { FunctionName: "hello" });
    const after = await platform.call("lambda", "GetAccountSettings", {});
    assert.equal(after.AccountLimit!.UnreservedConcurrentExecutions, 1000);
    assert.deepEqual(after.AccountUsage, { TotalCodeSize: 0, FunctionCount: 0 });
  }));

test("lists come in pages", () =>
  withLambda(async (platform) => {
    for (const FunctionName of ["a", "b", "b-2", "c"])
      await platform.call("lambda", "CreateFunction", { ...hello, FunctionName });
    const names: string[] = [];
    let Marker: string | undefined;
    do {
      const page = await platform.call("lambda", "ListFunctions", { MaxItems: 3, Marker });
      assert.ok(page.Functions!.length <= 3);
      names.push(...page.Functions!.map(({ FunctionName }) => FunctionName!));
      Marker = page.NextMarker;
    } while (Marker);
    assert.deepEqual(names, ["a", "b", "b-2", "c"]);
  }));

test("a layer reaches the functions that name it, and stays theirs when it is deleted", () =>
  withLambda(async (platform, ports) => {
    const published = await platform.call("lambda", "PublishLayerVersion", {
      LayerName: "shared",
      Content: { ZipFile: Buffer.from("layer") },
      CompatibleRuntimes: ["nodejs22.x"],
    });
    assert.equal(published.Version, 1);
    await platform.call("lambda", "CreateFunction", { ...hello, Layers: [published.LayerVersionArn!] });
    await platform.call("lambda", "DeleteLayerVersion", { LayerName: "shared", VersionNumber: 1 });
    await platform.settle();
    await platform.call("lambda", "Invoke", { FunctionName: "hello" });
    assert.equal(ports.runs[0]!.spec.layerDirectories.length, 1);
    await assert.rejects(platform.call("lambda", "GetLayerVersion", { LayerName: "shared", VersionNumber: 1 }), {
      status: 404,
    });
    const next = await platform.call("lambda", "PublishLayerVersion", {
      LayerName: "shared",
      Content: { ZipFile: Buffer.from("l2") },
    });
    assert.equal(next.Version, 2);
    const { Layers } = await platform.call("lambda", "ListLayers", {});
    assert.deepEqual(
      Layers!.map(({ LayerName, LatestMatchingVersion }) => [LayerName, LatestMatchingVersion!.Version]),
      [["shared", 2]],
    );
  }));

test("what a function writes is in CloudWatch Logs shortly after", () =>
  withLambda(async (platform) => {
    await platform.call("lambda", "CreateFunction", hello);
    await platform.call("lambda", "Invoke", { FunctionName: "hello" });
    await platform.call("lambda", "Invoke", { FunctionName: "hello" });
    await platform.advance(100);
    const { events } = await platform.call("logs", "FilterLogEvents", { logGroupName: "/aws/lambda/hello" });
    assert.equal(events!.length, 2);
    assert.match(events![0]!.message!, /^START RequestId: [0-9a-f-]{36} Version: \$LATEST\n$/);
    assert.equal(events![0]!.logStreamName, "2026/01/01/[$LATEST]0123");
  }));
