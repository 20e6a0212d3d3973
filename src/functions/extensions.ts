/**
 * The Extensions API of one worker: programs below /opt/extensions, and parts of the runtime's own process, that want to hear of each invocation and
 * of the end. `runtime-api.ts` serves it at the same address as the Runtime API.
 *
 * An initialisation is over when the runtime and every external extension have asked for their first event; an invocation, when they have asked for
 * the next one. Telemetry and logs are not handed out: asking for them is refused by name.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { FunctionSpec } from "./host.ts";

export type ShutdownReason = "spindown" | "timeout" | "failure";

export interface ExtensionEvent {
  readonly requestId: string;
  readonly deadlineMs: number;
  readonly invokedArn: string;
  readonly traceId?: string | undefined;
}

/** AWS gives all extensions together this long to end. */
export const SHUTDOWN_MS_MAX = 2000;
const EXTENSIONS_MAX = 10;
const BODY_BYTES_MAX = 64 * 1024;
export const EXTENSION_PREFIX = "/2020-01-01/extension/";
const TELEMETRY = /^\/(?:2022-07-01\/telemetry|2020-08-15\/logs)$/;

interface Registered {
  readonly name: string;
  readonly id: string;
  readonly external: boolean;
  readonly events: readonly string[];
  /** Waits for an event. */
  asking?: ServerResponse;
  /** Has been given an event, and has not asked for the next. */
  busy: boolean;
  /** Has asked once. */
  begun: boolean;
  /** What it shall get when it asks. */
  next?: string;
}

export class Extensions {
  readonly #names: readonly string[];
  readonly #spec: FunctionSpec;
  readonly #newId: () => string;
  readonly #changed: () => void;
  readonly #registered = new Map<string, Registered>();
  #closedToNew = false;
  /** What an extension said about its own failure. */
  failure: Buffer | undefined;

  /**
   * @param names of the programs below /opt/extensions
   * @param changed called whenever {@link ready}, {@link idle} or {@link failure} may have changed
   */
  constructor(names: readonly string[], spec: FunctionSpec, newId: () => string, changed: () => void) {
    this.#names = names;
    this.#spec = spec;
    this.#newId = newId;
    this.#changed = changed;
  }

  /** Every program has registered, and everybody who registered has asked for an event. */
  get ready(): boolean {
    const all = [...this.#registered.values()];
    return this.#names.every((name) => all.some((one) => one.name === name)) && all.every(({ begun }) => begun);
  }

  get idle(): boolean {
    return [...this.#registered.values()].every(({ busy }) => !busy);
  }

  get hearsOfTheEnd(): boolean {
    return [...this.#registered.values()].some(({ events }) => events.includes("SHUTDOWN"));
  }

  /** No more may register. */
  begin(): void {
    this.#closedToNew = true;
  }

  invoke({ requestId, deadlineMs, invokedArn, traceId }: ExtensionEvent): void {
    const tracing = { type: "X-Amzn-Trace-Id", value: traceId ?? "" };
    this.#tell("INVOKE", { eventType: "INVOKE", deadlineMs, requestId, invokedFunctionArn: invokedArn, tracing });
  }

  shutdown(shutdownReason: ShutdownReason, deadlineMs: number): void {
    this.#tell("SHUTDOWN", { eventType: "SHUTDOWN", shutdownReason, deadlineMs });
  }

  #tell(kind: string, event: object): void {
    for (const one of this.#registered.values()) {
      if (!one.events.includes(kind)) continue;
      one.busy = true;
      one.next = JSON.stringify(event);
      this.#give(one);
    }
  }

  #give(one: Registered): void {
    const { asking, next } = one;
    if (asking === undefined || next === undefined) return;
    delete one.asking;
    delete one.next;
    asking.writeHead(200, {
      "Content-Type": "application/json",
      "Content-Length": Buffer.byteLength(next),
      "Lambda-Extension-Event-Identifier": this.#newId(),
    });
    asking.end(next);
  }

  /** @returns false when the path is none of this API's */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const path = request.url!;
    if (TELEMETRY.test(path)) {
      request.resume();
      const what = path.includes("telemetry") ? "Telemetry" : "Logs";
      answer(response, 501, `${what}.NotSupported`, `Virga does not support the ${what} API.`);
      return true;
    }
    if (!path.startsWith(EXTENSION_PREFIX)) return false;
    const body = await read(request);
    const asked = `${request.method} ${path.slice(EXTENSION_PREFIX.length)}`;
    if (asked === "POST register") this.#register(request, response, body);
    else {
      const id = request.headers["lambda-extension-identifier"];
      const one = this.#registered.get(String(id));
      if (id === undefined)
        answer(response, 403, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header");
      else if (one === undefined)
        answer(response, 403, "Extension.UnknownExtensionIdentifier", "Unknown extension identifier");
      else if (asked === "GET event/next") {
        one.asking = response;
        one.begun = true;
        one.busy = one.next !== undefined;
        this.#give(one);
        this.#changed();
      } else if (asked === "POST init/error" || asked === "POST exit/error") {
        this.failure = failureOf(request, body);
        response.writeHead(202, { "Content-Type": "application/json" }).end('{"status":"OK"}\n');
        this.#changed();
      } else response.writeHead(404).end();
    }
    return true;
  }

  #register(request: IncomingMessage, response: ServerResponse, body: string): void {
    const name = request.headers["lambda-extension-name"];
    const events = eventsIn(body);
    if (typeof name !== "string" || name === "")
      return answer(response, 403, "Extension.InvalidExtensionName", "Empty extension name");
    const external = this.#names.includes(name);
    if (events === undefined || events.some((event) => event !== "INVOKE" && event !== "SHUTDOWN"))
      return answer(response, 400, "InvalidRequestFormat", "The events must be INVOKE and SHUTDOWN, or some of them");
    if (!external && events.includes("SHUTDOWN"))
      return answer(
        response,
        403,
        "ShutdownEventNotSupportedForInternalExtension",
        "Internal extensions cannot register for SHUTDOWN",
      );
    if (this.#closedToNew || [...this.#registered.values()].some((one) => one.name === name))
      return answer(response, 403, "Extension.AlreadyRegistered", `The extension ${name} cannot register any more`);
    if (this.#registered.size >= EXTENSIONS_MAX)
      return answer(
        response,
        403,
        "Extension.TooManyExtensions",
        `A function has at most ${EXTENSIONS_MAX} extensions`,
      );
    const id = this.#newId();
    this.#registered.set(id, { name, id, external, events, busy: false, begun: false });
    const { functionName, version, handler, accountId } = this.#spec;
    const wantsAccount = String(request.headers["lambda-extension-accept-feature"] ?? "").includes("accountId");
    const facts = { functionName, functionVersion: version, handler, ...(wantsAccount && { accountId }) };
    response
      .writeHead(200, { "Content-Type": "application/json", "Lambda-Extension-Identifier": id })
      .end(JSON.stringify(facts));
    this.#changed();
  }
}

function eventsIn(body: string): readonly string[] | undefined {
  try {
    const { events = [] } = JSON.parse(body === "" ? "{}" : body) as { events?: unknown };
    return Array.isArray(events) ? events.map(String) : undefined;
  } catch {
    return undefined;
  }
}

/** As the invoker gets it. */
function failureOf(request: IncomingMessage, body: string): Buffer {
  const given = request.headers["lambda-extension-function-error-type"];
  let said: { readonly errorType?: unknown; readonly errorMessage?: unknown } = {};
  try {
    said = JSON.parse(body) as typeof said;
  } catch {
    // The header alone says it.
  }
  const errorType = String(given ?? said.errorType ?? "Extension.Unknown");
  return Buffer.from(JSON.stringify({ errorType, errorMessage: String(said.errorMessage ?? "") }));
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function answer(response: ServerResponse, status: number, errorType: string, errorMessage: string): void {
  response
    .writeHead(status, { "Content-Type": "application/json" })
    .end(`${JSON.stringify({ errorMessage, errorType })}\n`);
}
