/** The way of one request: rule, action, target group, target, and back. */
import type { Readable } from "node:stream";
import type { FlowContext, HttpRequest, HttpResponse } from "../../service.ts";
import { transferOut, transferred } from "../../usage-common/transfer.ts";
import { groupsIn } from "../actions.ts";
import { attribute } from "../attributes.ts";
import { type Action, loadBalancerArn, type Target } from "../state.ts";
import { targetsTopic } from "../targets.ts";
import { errorPage, fixedResponse, redirect } from "./answers.ts";
import type { Capacity } from "./capacity.ts";
import { type Choice, chooseGroup, chooseTarget, type Turns, targetName } from "./choose.ts";
import { APPLICATION_COOKIE, GROUP_COOKIE, setCookie, sets, TARGET_COOKIE } from "./cookies.ts";
import { askFunction } from "./function-target.ts";
import type { HealthBook } from "./health.ts";
import { type Group, type ListenerSnapshot, metricName, type Snapshot } from "./snapshot.ts";
import { type HeaderPairs, TargetFailed, type TargetHttp } from "./target-http.ts";

/** Somebody waits for targets of a group that has none: a service that was scaled to zero is woken by it. */
export const TARGETS_WANTED = "elbv2.TargetsWanted";
export interface TargetsWanted {
  readonly targetGroupArn: string;
}
/** Woken by whoever heard {@link TARGETS_WANTED} and will bring targets: then the request waits for them. */
export const targetsComingTopic = (targetGroup: string): string => `elbv2.TargetsComing ${targetGroup}`;

/** How long an answer to {@link TARGETS_WANTED} is waited for. */
const COMING_MS_MAX = 500;
/** How long targets that are coming, or not known to be healthy yet, are waited for. */
const TARGETS_MS_MAX = 60_000;

const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

export interface RequestGround {
  readonly book: HealthBook;
  readonly turns: Turns;
  readonly http: TargetHttp;
  readonly capacity: Capacity;
  /** The load balancer as it is now. */
  snapshot(of: Snapshot): Promise<Snapshot | undefined>;
}

export async function serveRequest(
  ground: RequestGround,
  flow: FlowContext,
  snapshot: Snapshot,
  listener: ListenerSnapshot,
  request: HttpRequest,
): Promise<HttpResponse> {
  const arn = loadBalancerArn(snapshot.lb);
  const action = listener.choose(request);
  const response = await act(ground, flow, snapshot, listener, request, action);
  ground.capacity.evaluated(flow, arn, listener.ruleCount);
  const group = action.Type === "forward" ? snapshot.groups.get(groupsIn([action])[0]!) : undefined;
  const dimension = group?.record.targetType === "lambda" ? "functionBytes" : "bytes";
  ground.capacity.add(flow, arn, dimension, Number(request.headers["content-length"] ?? 0));
  return transferred(flow, arn, request, response, (bytes) => {
    ground.capacity.add(flow, arn, dimension, bytes);
    if (snapshot.lb.scheme === "internet-facing") transferOut(flow, arn, bytes);
  });
}

/** What the listener's rule says. */
async function act(
  ground: RequestGround,
  flow: FlowContext,
  snapshot: Snapshot,
  listener: ListenerSnapshot,
  request: HttpRequest,
  action: Action,
): Promise<HttpResponse> {
  const LoadBalancer = metricName(loadBalancerArn(snapshot.lb));
  const count = (name: string, dimensions: Readonly<Record<string, string>> = { LoadBalancer }, value = 1) =>
    flow.measure({ namespace: "AWS/ApplicationELB", name, dimensions, unit: "Count", value });
  count("RequestCount");
  if (action.Type === "fixed-response") {
    count("HTTP_Fixed_Response_Count");
    return fixedResponse(action);
  }
  if (action.Type === "redirect") {
    count("HTTP_Redirect_Count");
    return redirect(action, request, listener.listener.port);
  }
  const response = await forward(ground, flow, snapshot, listener, request, action, count);
  if (response.headers["server"] === "awselb/2.0") {
    count(`HTTPCode_ELB_${Math.floor(response.status / 100)}XX_Count`);
    if (response.status >= 500) count(`HTTPCode_ELB_${response.status}_Count`);
  }
  return response;
}

type Count = (name: string, dimensions?: Readonly<Record<string, string>>, value?: number) => void;

async function forward(
  ground: RequestGround,
  flow: FlowContext,
  snapshot: Snapshot,
  { listener }: ListenerSnapshot,
  request: HttpRequest,
  action: Action,
  count: Count,
): Promise<HttpResponse> {
  const group = chooseGroup(action, snapshot.groups, request.headers["cookie"], flow.random.next());
  if (group === undefined) return errorPage(503);
  const headers = forwardedHeaders(flow, snapshot, request, listener.port);
  const TargetGroup = metricName(group.arn);
  const LoadBalancer = metricName(loadBalancerArn(snapshot.lb));
  const ofTargets = (name: string) => {
    count(name);
    count(name, { TargetGroup, LoadBalancer });
  };
  const cookies: string[] = [];
  const { TargetGroupStickinessConfig: sticky } = action.ForwardConfig!;
  if (sticky?.Enabled) cookies.push(...setCookie(GROUP_COOKIE, group.arn, sticky.DurationSeconds!, flow.clock.nowMs()));

  if (group.record.targetType === "lambda") {
    const target = group.targets.find(({ drainingUntilMs }) => drainingUntilMs === undefined);
    if (target === undefined) return errorPage(503);
    count("RequestCountPerTarget", { TargetGroup });
    return withCookies(await askFunction(flow, group, target.id, request, headers), cookies);
  }

  const found = await findTarget(ground, flow, snapshot, group, request);
  if (found === undefined) return errorPage(503);
  const { target, healthy } = found;
  count("RequestCountPerTarget", { TargetGroup }, 1 / healthy);
  count("RequestCountPerTarget", { TargetGroup, LoadBalancer }, 1 / healthy);
  const over = ground.turns.begin(target);
  const from = flow.clock.monotonicMs();
  try {
    const message = await ground.http.send(
      target.id,
      target.port,
      {
        method: request.method,
        pathAndQuery: request.query === "" ? request.path : `${request.path}?${request.query}`,
        headers,
        body: request.body,
        hasBody: hasBody(request),
      },
      snapshot.idleMs,
      flow.signal,
    );
    const value = (flow.clock.monotonicMs() - from) / 1000;
    for (const dimensions of [{ LoadBalancer }, { TargetGroup, LoadBalancer }] as Record<string, string>[])
      flow.measure({ namespace: "AWS/ApplicationELB", name: "TargetResponseTime", dimensions, unit: "Seconds", value });
    const status = message.statusCode!;
    ofTargets(`HTTPCode_Target_${Math.floor(status / 100)}XX_Count`);
    message.once("close", over);
    const response = { status, headers: headersBack(message.rawHeaders), body: message as Readable };
    cookies.push(...stickyCookies(flow, group, target, response.headers["set-cookie"]));
    return withCookies(response, cookies);
  } catch (error) {
    over();
    if (!(error instanceof TargetFailed)) throw error;
    ofTargets("TargetConnectionErrorCount");
    return errorPage(error.failure === "timeout" ? 504 : 502);
  }
}

/** Waits, where there is something to wait for. */
export async function findTarget(
  ground: RequestGround,
  flow: FlowContext,
  snapshot: Snapshot,
  first: Group,
  request: Pick<HttpRequest, "headers">,
): Promise<Extract<Choice, { kind: "target" }> | undefined> {
  const atOnce = chooseTarget(first, ground.book, ground.turns, request.headers["cookie"]);
  if (atOnce.kind === "target") return atOnce;
  const endMs = flow.clock.nowMs() + TARGETS_MS_MAX;
  let group: Group | undefined = first;
  let coming = false;
  for (;;) {
    // Asked for before it is looked at, so that nothing that happens in between is missed.
    const cancel = new AbortController();
    const until = AbortSignal.any([cancel.signal, flow.signal]);
    const change = flow.wait(targetsTopic(first.arn), Math.max(0, endMs - flow.clock.nowMs()), until);
    const choice: Choice = chooseTarget(group, ground.book, ground.turns, request.headers["cookie"]);
    if (choice.kind === "target") {
      cancel.abort();
      return choice;
    }
    if (choice.kind === "none" && !coming) {
      const answer = flow.wait(targetsComingTopic(first.arn), COMING_MS_MAX, until);
      const detail: TargetsWanted = { targetGroupArn: first.arn };
      await flow.write((tx) => tx.emit({ type: TARGETS_WANTED, detail }));
      coming = await Promise.race([answer, change]);
    } else coming = (await change) && !flow.signal.aborted;
    cancel.abort();
    if (!coming) return undefined;
    group = (await ground.snapshot(snapshot))?.groups.get(first.arn);
    if (group === undefined) return undefined;
  }
}

const hasBody = ({ headers }: HttpRequest): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

/** What the target sees: the client's headers, and who the client is. @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html */
export function forwardedHeaders(flow: FlowContext, { lb }: Snapshot, request: HttpRequest, port: number): HeaderPairs {
  const setting = (name: string) => attribute("loadBalancer", lb.attributes, name);
  const mode = setting("routing.http.xff_header_processing.mode");
  const dropsInvalid = setting("routing.http.drop_invalid_header_fields.enabled") === "true";
  const named = new Set((request.headers["connection"] ?? "").split(",").map((name) => name.trim().toLowerCase()));
  const replaced = new Set(["x-forwarded-proto", "x-forwarded-port", "x-amzn-trace-id"]);
  if (mode !== "preserve") replaced.add("x-forwarded-for");
  const headers = request.rawHeaders.filter(([name]) => {
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || named.has(lower) || replaced.has(lower)) return false;
    return !dropsInvalid || /^[A-Za-z0-9-]+$/.test(name);
  });
  const added: [string, string][] = [];
  if (mode === "append") {
    const before = request.headers["x-forwarded-for"];
    added.push(["X-Forwarded-For", before === undefined ? request.sourceIp : `${before}, ${request.sourceIp}`]);
  }
  added.push(["X-Forwarded-Proto", "http"], ["X-Forwarded-Port", String(port)]);
  const trace = request.headers["x-amzn-trace-id"];
  const self = () => flow.tracer.begin(flow.clock.nowMs()).traceId;
  added.push(["X-Amzn-Trace-Id", trace === undefined ? `Root=${flow.trace.traceId}` : `Self=${self()};${trace}`]);
  if (request.headers["transfer-encoding"] !== undefined) added.push(["Transfer-Encoding", "chunked"]);
  return [...headers, ...added];
}

function headersBack(raw: readonly string[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    if (HOP_BY_HOP.has(name)) continue;
    const before = headers[name];
    if (before === undefined) headers[name] = raw[i + 1]!;
    else headers[name] = Array.isArray(before) ? [...before, raw[i + 1]!] : [before, raw[i + 1]!];
  }
  return headers;
}

function stickyCookies(
  flow: FlowContext,
  group: Group,
  target: Target,
  given: string | readonly string[] | undefined,
): string[] {
  const setting = (name: string) => attribute("ip", group.record.attributes, `stickiness.${name}`);
  if (setting("enabled") !== "true") return [];
  const choice = `${group.arn} ${targetName(target)}`;
  const nowMs = flow.clock.nowMs();
  if (setting("type") === "lb_cookie")
    return setCookie(TARGET_COOKIE, choice, Number(setting("lb_cookie.duration_seconds")), nowMs);
  const cookies = given === undefined ? [] : typeof given === "string" ? [given] : given;
  if (!sets(cookies, setting("app_cookie.cookie_name"))) return [];
  return setCookie(APPLICATION_COOKIE, choice, Number(setting("app_cookie.duration_seconds")), nowMs);
}

function withCookies(response: HttpResponse, cookies: readonly string[]): HttpResponse {
  if (cookies.length === 0) return response;
  const before = response.headers["set-cookie"];
  const given = before === undefined ? [] : typeof before === "string" ? [before] : before;
  return { ...response, headers: { ...response.headers, "set-cookie": [...given, ...cookies] } };
}
