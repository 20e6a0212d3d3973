/**
 * AWS integrations: the request that the integration's URI describes, handed to Virga's own wire.
 * `arn:aws:apigateway:REGION:[SUBDOMAIN.]SERVICE:path/…` and `…:action/NAME`.
 * @see https://docs.aws.amazon.com/apigateway/latest/api/API_PutIntegration.html#apigw-PutIntegration-request-uri
 */

import type { ApigatewayPorts, AwsRequest } from "../../apigateway-common/ports.ts";
import { own } from "../../apigateway-common/request.ts";
import type { Principal } from "../../service.ts";
import type { Exchange } from "./exchange.ts";
import { internalServerError } from "./gateway.ts";
import type { BackendRequest, BackendResponse } from "./integrate.ts";

/** What `action/NAME` of a service that speaks JSON is called on the wire. */
const JSON_TARGETS: Readonly<Record<string, readonly [target: string, version: "1.0" | "1.1"]>> = {
  dynamodb: ["DynamoDB_20120810", "1.0"],
  "streams.dynamodb": ["DynamoDBStreams_20120810", "1.0"],
  states: ["AWSStepFunctions", "1.0"],
  events: ["AWSEvents", "1.1"],
  kinesis: ["Kinesis_20131202", "1.1"],
  logs: ["Logs_20140328", "1.1"],
  ssm: ["AmazonSSM", "1.1"],
  secretsmanager: ["secretsmanager", "1.1"],
  ecs: ["AmazonEC2ContainerServiceV20141113", "1.1"],
};

/** The version that `action/NAME` of a query service names when the integration does not. */
const QUERY_VERSIONS: Readonly<Record<string, string>> = {
  sqs: "2012-11-05",
  sns: "2010-03-31",
  email: "2010-12-01",
  ses: "2010-12-01",
  iam: "2010-05-08",
  sts: "2011-06-15",
  cloudformation: "2010-05-15",
  monitoring: "2010-08-01",
};

export async function callAws(
  exchange: Exchange,
  uri: string,
  request: BackendRequest,
  principal: Principal,
  ports: ApigatewayPorts,
): Promise<BackendResponse> {
  const [, region, host = "", kind, rest = ""] =
    /^arn:[^:]+:apigateway:([^:]+):([^:]+):(path|action)\/(.*)$/s.exec(uri) ?? [];
  if (!region) throw internalServerError();
  const dot = own(JSON_TARGETS, host) ? -1 : host.lastIndexOf(".");
  const service = host.slice(dot + 1);
  const subdomain = dot < 0 ? undefined : host.slice(0, dot);
  const aws =
    kind === "action"
      ? actionRequest(exchange, service, rest, request)
      : pathRequest(exchange, service, subdomain, rest, request);
  const answer = await ports.dispatchAws(exchange.flow, aws, { principal, accountId: exchange.flow.accountId, region });
  return {
    status: answer.status,
    headers: Object.entries(answer.headers),
    body: answer.body,
    selector: String(answer.status),
  };
}

function headersOf(request: BackendRequest): Record<string, string> {
  const headers: Record<string, string> = { accept: "application/json" };
  for (const [name, value] of request.headers) headers[name.toLowerCase()] = value;
  headers["content-length"] = String(request.body.length);
  return headers;
}

function pathRequest(
  exchange: Exchange,
  service: string,
  subdomain: string | undefined,
  rest: string,
  request: BackendRequest,
): AwsRequest {
  const [given = "", ownQuery = ""] = rest.split(/\?(.*)/s);
  const filled = given.replaceAll(/\{([^{}]+)\}/g, (whole, name: string) => {
    const value = own(request.path, name);
    return value === undefined ? whole : value.split("/").map(encodeURIComponent).join("/");
  });
  const path = `/${filled.replace(/^\/+/, "")}`;
  const query = new URLSearchParams(ownQuery);
  for (const [name, value] of request.query) query.append(name, value);
  return {
    service,
    method: exchange.target!.integration.httpMethod!,
    path: subdomain && service === "s3" ? `/${subdomain}${path}` : path,
    query: query.toString(),
    headers: headersOf(request),
    body: request.body,
  };
}

/** JSON services get a target header; query services a form of the mapped query parameters and whatever form the template wrote. */
function actionRequest(exchange: Exchange, service: string, rest: string, request: BackendRequest): AwsRequest {
  const [action = "", ownQuery = ""] = rest.split(/[?&](.*)/s);
  const target = own(JSON_TARGETS, service);
  const headers = headersOf(request);
  if (target) {
    return {
      service: service === "streams.dynamodb" ? "dynamodbstreams" : service,
      method: "POST",
      path: "/",
      query: "",
      headers: {
        ...headers,
        "x-amz-target": `${target[0]}.${action}`,
        "content-type": `application/x-amz-json-${target[1]}`,
      },
      body: request.body,
    };
  }
  const form = new URLSearchParams(ownQuery);
  for (const [name, value] of request.query) form.append(name, value);
  if (headers["content-type"]?.startsWith("application/x-www-form-urlencoded")) {
    for (const [name, value] of new URLSearchParams(request.body.toString("utf8"))) form.append(name, value);
  }
  form.set("Action", action);
  if (!form.has("Version") && QUERY_VERSIONS[service]) form.set("Version", QUERY_VERSIONS[service]);
  const body = Buffer.from(form.toString());
  return {
    service,
    method: exchange.target!.integration.httpMethod === "GET" ? "POST" : exchange.target!.integration.httpMethod!,
    path: "/",
    query: "",
    headers: { ...headers, "content-type": "application/x-www-form-urlencoded", "content-length": String(body.length) },
    body,
  };
}
