/**
 * The Node.js runtime inside a worker: takes the function from the host, loads its handler, and runs one event after another. Plain CommonJS
 * that every Node from 18 on runs, with nothing loaded that the handler may not need.
 *
 * It speaks frames over two inherited descriptors (`channel.ts` has the other end and the format): 3 brings `start` and `invoke`, 4 takes `log`,
 * `waiting`, `ready`, `response`, `chunk`, `end`, `error` and `init-error`. Descriptor 4 is written synchronously, so that nothing is lost when the
 * function's code ends the process, and log lines keep their place before the response.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html
 * @see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html
 */
"use strict";
const { writeSync } = require("node:fs");
const { Socket } = require("node:net");
const path = require("node:path");
const { format } = require("node:util");
const Module = require("node:module");

const IN = 3;
const OUT = 4;
const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/** Shown by AWS to functions whose handler takes a callback under Node.js 24 and later. */
const CALLBACK_REMOVED =
  "AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify this function to use a " +
  "supported handler signature to use Node.js 24 or later. For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.";

class RuntimeError extends Error {
  constructor(type, message, stack) {
    super(message);
    this.name = `Runtime.${type}`;
    if (stack !== undefined) this.stack = stack;
  }
}

// --- frames ---------------------------------------------------------------------------------------------------------------------------------

function send(header, body) {
  const head = Buffer.from(JSON.stringify(header));
  const payload = body === undefined ? Buffer.alloc(0) : typeof body === "string" ? Buffer.from(body) : body;
  const frame = Buffer.allocUnsafe(8 + head.length + payload.length);
  frame.writeUInt32BE(head.length, 0);
  frame.writeUInt32BE(payload.length, 4);
  head.copy(frame, 8);
  payload.copy(frame, 8 + head.length);
  for (let at = 0; at < frame.length; ) {
    try {
      at += writeSync(OUT, frame, at);
    } catch (error) {
      if (error.code === "EAGAIN" || error.code === "EINTR") continue;
      // The host is gone, and with it every reason to live.
      process.reallyExit(1);
    }
  }
}

const input = new Socket({ fd: IN, readable: true, writable: false });
let pending = [];
let pendingBytes = 0;
input.on("data", (chunk) => {
  pending.push(chunk);
  pendingBytes += chunk.length;
  for (;;) {
    if (pendingBytes < 8) return;
    if (pending.length > 1) pending = [Buffer.concat(pending)];
    const data = pending[0];
    const headLength = data.readUInt32BE(0);
    const end = 8 + headLength + data.readUInt32BE(4);
    if (pendingBytes < end) return;
    pending = data.length > end ? [data.subarray(end)] : [];
    pendingBytes -= end;
    const header = JSON.parse(data.toString("utf8", 8, 8 + headLength));
    receive(header, data.subarray(8 + headLength, end));
  }
});
input.on("close", () => process.reallyExit(0));

// --- log ------------------------------------------------------------------------------------------------------------------------------------

let requestId;
let jsonLog = false;

function asLogged(error) {
  const stack = typeof error.stack === "string" ? error.stack.split("\n") : error.stack;
  return {
    errorType: error.constructor?.name ?? "UnknownError",
    errorMessage: error.message,
    stackTrace: stack,
    ...error,
  };
}

function jsonLine(level, parameters) {
  const line = { timestamp: new Date().toISOString(), level, requestId };
  if (parameters.length <= 1) {
    line.message = parameters[0];
    try {
      return JSON.stringify(line, (_key, value) => (value instanceof Error ? asLogged(value) : value));
    } catch {
      line.message = format(parameters[0]);
      return JSON.stringify(line);
    }
  }
  line.message = format(...parameters);
  const error = parameters.find((parameter) => parameter instanceof Error);
  if (error) {
    const { errorType, errorMessage, stackTrace } = asLogged(error);
    Object.assign(line, { errorType, errorMessage, stackTrace: stackTrace ?? [] });
  }
  return JSON.stringify(line);
}

function log(level, parameters) {
  const timestampMs = Date.now();
  const text = jsonLog
    ? jsonLine(level, parameters)
    : `${new Date(timestampMs).toISOString()}\t${requestId}\t${level}\t${format(...parameters)}`;
  send({ kind: "log", timestampMs }, text);
}

function patchConsole(wanted) {
  const from = Math.max(0, LEVELS.indexOf(wanted));
  const at = (level) => (LEVELS.indexOf(level) < from ? () => {} : (...parameters) => log(level, parameters));
  console.trace = at("TRACE");
  console.debug = at("DEBUG");
  console.info = at("INFO");
  console.log = console.info;
  console.warn = at("WARN");
  console.error = at("ERROR");
  console.fatal = at("FATAL");
}

function logFailure(what, thrown) {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  if (jsonLog) return console.error(error);
  let text;
  try {
    text = JSON.stringify(error, (_key, value) =>
      value instanceof Error
        ? {
            errorType: value.name,
            errorMessage: value.message,
            code: value.code,
            ...value,
            stack: value.stack?.split("\n"),
          }
        : value,
    );
  } catch {
    text = JSON.stringify(described(error));
  }
  console.error(what, `\t${text}`);
}

/** An error as the invoker sees it. */
function described(thrown) {
  try {
    if (thrown instanceof Error) {
      const clean = (text) => text?.replaceAll("\x7F", "%7F");
      return {
        errorType: clean(thrown.name),
        errorMessage: clean(thrown.message),
        trace: clean(thrown.stack)?.split("\n") ?? [],
      };
    }
    return { errorType: typeof thrown, errorMessage: String(thrown), trace: [] };
  } catch {
    return {
      errorType: "handled",
      errorMessage:
        "callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack",
      trace: [],
    };
  }
}

// --- finding the handler --------------------------------------------------------------------------------------------------------------------

/** `lib/app.nested.handler` → folder `lib`, module `app`, path `nested.handler`. */
function parseHandler(text) {
  if (text.includes(".."))
    throw new RuntimeError(
      "MalformedHandlerName",
      `'${text}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  const base = path.basename(text);
  const match = /^([^.]*)\.(.*)$/.exec(base);
  if (!match) throw new RuntimeError("MalformedHandlerName", "Bad handler");
  return { folder: text.slice(0, text.indexOf(base)), name: match[1], member: match[2] };
}

function isEsModule(file) {
  if (file.endsWith(".mjs")) return true;
  if (!file.endsWith(".js")) return false;
  const fs = require("node:fs");
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    let text;
    try {
      text = fs.readFileSync(path.join(folder, "package.json"), "utf8");
    } catch {
      if (folder === path.dirname(folder) || path.basename(folder) === "node_modules") return false;
      continue;
    }
    return JSON.parse(text).type === "module";
  }
}

async function load(file) {
  const byImport = () => import(require("node:url").pathToFileURL(file).href);
  if (isEsModule(file)) return byImport();
  try {
    return require(file);
  } catch (error) {
    if (error.code === "ERR_REQUIRE_ASYNC_MODULE" || error.code === "ERR_REQUIRE_ESM") return byImport();
    throw error;
  }
}

async function findHandler(taskRoot, text) {
  const { folder, name, member } = parseHandler(text);
  const stem = path.resolve(taskRoot, folder, name);
  let loaded;
  try {
    const file = ["", ".js", ".mjs", ".cjs"].map((extension) => stem + extension).find(isFile);
    loaded = await (file === undefined
      ? require(require.resolve(name, { paths: [taskRoot, path.join(taskRoot, folder)] }))
      : load(file));
  } catch (error) {
    if (error instanceof SyntaxError) throw new RuntimeError("UserCodeSyntaxError", String(error), error.stack);
    if (error?.code === "MODULE_NOT_FOUND") throw new RuntimeError("ImportModuleError", String(error));
    throw error;
  }
  const within = (object) =>
    member
      .split(".")
      .reduce((value, key) => (typeof value === "object" && value !== null ? value[key] : undefined), object);
  const found = within(loaded) ?? within(loaded?.default);
  if (!found) throw new RuntimeError("HandlerNotFound", `${text} is undefined or not exported`);
  if (typeof found !== "function") throw new RuntimeError("HandlerNotFound", `${text} is not a function`);
  const streaming = found[STREAMING];
  if (streaming && streaming !== "response")
    throw new RuntimeError("MalformedStreamingHandler", "Only response streaming is supported.");
  return found;
}

function isFile(file) {
  try {
    return require("node:fs").statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * CommonJS looks where NODE_PATH says after the function's own folders. The links `/var/node_modules` and `/node_modules`, by which ES modules
 * (which ignore NODE_PATH) find the SDK, would come before it and hide what layers bring.
 */
function followNodePath(nodePath) {
  process.env.NODE_PATH = nodePath;
  Module._initPaths();
  const lookup = Module._nodeModulePaths;
  Module._nodeModulePaths = (from) => lookup(from).filter((folder) => folder !== "/var/node_modules");
}

/** Without a sandbox there is no `/var/node_modules`: ES modules find the SDK by a hook, once their own lookup has failed. */
function findSdkByHook(folder) {
  if (!folder || typeof Module.registerHooks !== "function") return;
  const fromSdk = Module.createRequire(path.join(folder, "resolve.cjs"));
  Module.registerHooks({
    resolve(specifier, context, next) {
      try {
        return next(specifier, context);
      } catch (error) {
        if (error.code !== "ERR_MODULE_NOT_FOUND" || !specifier.startsWith("@aws-sdk/")) throw error;
        return next(require("node:url").pathToFileURL(fromSdk.resolve(specifier)).href, context);
      }
    },
  });
}

// --- the life of the worker -----------------------------------------------------------------------------------------------------------------

let handler;
let nodeMajor = 0;
/** Ends the current invocation with an error, or the initialisation. */
let fail = (error) => send({ kind: "init-error" }, JSON.stringify(described(error)));
let whenIdle = () => {};

process.on("uncaughtException", (error) => {
  logFailure("Uncaught Exception", error);
  fail(error, true);
  process.exit(129);
});
process.on("unhandledRejection", (reason, promise) => {
  const error = new RuntimeError("UnhandledPromiseRejection", String(reason));
  error.reason = reason;
  error.promise = promise;
  logFailure("Unhandled Promise Rejection", error);
  fail(error, true);
  process.exit(128);
});
process.on("beforeExit", () => whenIdle());

function receive(header, body) {
  if (header.kind === "start") start(header);
  else if (header.kind === "invoke") invoke(header, body);
}

async function start(header) {
  if (!header.inherits) {
    // A function sees the environment of its own configuration and nothing of how the worker was started.
    for (const name of Object.keys(process.env)) if (!(name in header.environment)) delete process.env[name];
    Object.assign(process.env, header.environment);
  }
  nodeMajor = Number(/nodejs(\d+)/.exec(header.environment.AWS_EXECUTION_ENV ?? "")?.[1] ?? 0);
  jsonLog = header.environment.AWS_LAMBDA_LOG_FORMAT === "JSON";
  patchConsole(jsonLog ? header.environment.AWS_LAMBDA_LOG_LEVEL : undefined);
  if (process.env.NODE_PATH) followNodePath(process.env.NODE_PATH);
  findSdkByHook(header.sdkFolder);
  // A worker that was started before its function was known has not seen it.
  if (header.environment.NODE_OPTIONS?.includes("--enable-source-maps")) process.setSourceMapsEnabled(true);
  process.chdir(header.taskRoot);
  try {
    handler = await findHandler(header.taskRoot, header.handler);
    if (nodeMajor >= 24 && handler.length >= 3 && !handler[STREAMING])
      throw new RuntimeError("CallbackHandlerDeprecated", CALLBACK_REMOVED);
  } catch (error) {
    logFailure("Uncaught Exception", error);
    send({ kind: "init-error" }, JSON.stringify(described(error)));
    return;
  }
  send({ kind: "ready" });
}

function contextOf(header) {
  const deadlineMs = Date.now() + header.remainingMs;
  const { env } = process;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: header.clientContext === undefined ? undefined : JSON.parse(header.clientContext),
    identity: undefined,
    invokedFunctionArn: header.invokedArn,
    awsRequestId: header.requestId,
    getRemainingTimeInMillis: () => deadlineMs - Date.now(),
  };
}

async function invoke(header, body) {
  requestId = header.requestId;
  if (header.traceId === undefined) delete process.env._X_AMZN_TRACE_ID;
  else process.env._X_AMZN_TRACE_ID = header.traceId;
  let over = false;
  const finish = (message, payload) => {
    if (over) return;
    over = true;
    whenIdle = () => {};
    input.ref();
    send({ ...message, requestId: header.requestId, memoryKb: process.resourceUsage().maxRSS }, payload);
  };
  fail = (error, last) => finish({ kind: "error", last }, JSON.stringify(described(error)));
  const refuse = (error) => {
    if (over) return;
    logFailure("Invoke Error", error);
    fail(error);
  };
  const answer = (value) => {
    let text;
    try {
      text = JSON.stringify(value === undefined ? null : value);
    } catch {
      return refuse(new RuntimeError("JSONStringifyError", "Unable to stringify response body"));
    }
    // A function or a symbol has no JSON at all.
    finish({ kind: "response" }, text ?? "null");
  };
  // While the function runs, its own work alone keeps the event loop alive: when that is empty, the function is over.
  input.unref();
  whenIdle = () => answer(null);

  let event;
  try {
    event = JSON.parse(body.toString("utf8"));
  } catch (error) {
    return refuse(error);
  }
  const context = contextOf(header);
  try {
    if (handler[STREAMING]) return await stream(event, context, header, finish, refuse);
    if (nodeMajor >= 24) {
      delete context.callbackWaitsForEmptyEventLoop;
      answer(await settle(handler(event, context)));
    } else {
      callWithCallback(event, context, answer, refuse);
    }
  } catch (error) {
    refuse(error);
  }
}

/** One turn of the event loop after the promise settles, so that what it set going is logged before the answer. */
async function settle(promise) {
  try {
    return await promise;
  } finally {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function callWithCallback(event, context, answer, refuse) {
  const end = (error, value) => {
    const reply = () => (error === undefined || error === null ? answer(value) : refuse(error));
    if (context.callbackWaitsForEmptyEventLoop) whenIdle = reply;
    else setImmediate(reply);
  };
  const endAtOnce = (error, value) => {
    context.callbackWaitsForEmptyEventLoop = false;
    end(error, value);
  };
  context.done = endAtOnce;
  context.succeed = (value) => endAtOnce(null, value);
  context.fail = (error) => endAtOnce(error ?? "handled");
  const result = handler(event, context, end);
  if (typeof result?.then === "function") settle(result).then(answer, refuse);
}

// --- response streaming ---------------------------------------------------------------------------------------------------------------------

async function stream(event, context, header, finish, refuse) {
  const { Writable } = require("node:stream");
  let contentType;
  let finished;
  const done = new Promise((resolve) => {
    finished = resolve;
  });
  const responseStream = new Writable({
    write(chunk, _encoding, callback) {
      send({ kind: "chunk", requestId: header.requestId, contentType }, chunk);
      callback();
    },
    final(callback) {
      callback();
      finished();
    },
  });
  responseStream.setContentType = (type) => {
    contentType = type;
  };
  responseStream.on("error", (error) => refuse(error));
  whenIdle = () => finish({ kind: "end", contentType });
  const returned = handler(event, responseStream, context);
  await returned;
  if (!responseStream.writableEnded && typeof returned?.then !== "function") await done;
  if (responseStream.writableEnded) await done;
  whenIdle = () => {};
  finish({ kind: "end", contentType });
}

globalThis.awslambda = {
  streamifyResponse(streamingHandler) {
    streamingHandler[STREAMING] = "response";
    return streamingHandler;
  },
  HttpResponseStream: {
    /** Status and headers go ahead of the body: JSON, eight zero bytes, body. */
    from(underlying, prelude) {
      underlying.setContentType("application/vnd.awslambda.http-integration-response");
      underlying.write(JSON.stringify(prelude));
      underlying.write(Buffer.alloc(8));
      return underlying;
    },
  },
};
send({ kind: "waiting" });
