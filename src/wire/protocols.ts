/**
 * One service on the wire: decodes the input of any of its operations from whichever protocol the client speaks, and encodes outputs and errors
 * back. Knows nothing of sockets.
 */
import type { Readable } from "node:stream";
import { crc32 } from "node:zlib";
import { AwsError } from "../kernel/errors.ts";
import { cborDecoder, cborEncoder, parseCbor, writeCbor } from "./cbor.ts";
import { EVENT_STREAM_TYPE, eventStream } from "./event-stream.ts";
import { awsJson, parseJson, restJson } from "./json.ts";
import { type FormTree, formDecoder } from "./query.ts";
import {
  type Bindings,
  bindingsOf,
  createRouter,
  type RequestParts,
  type Router,
  readBindings,
  writeBindings,
} from "./rest.ts";
import {
  isStructure,
  type ModelledError,
  type Operation,
  type ServiceModel,
  type Shape,
  type Structure,
} from "./shapes.ts";
import { escapeXml, parseXml, xmlContents, xmlDocument, xmlReader, xmlText } from "./xml.ts";

export type Protocol = "awsJson1_0" | "awsJson1_1" | "awsQuery" | "ec2Query" | "restJson1" | "restXml" | "rpcv2Cbor";

export interface Reply {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array | Readable | undefined;
}

/** AWS's common errors carry their own namespace in JSON. */
const COMMON_ERRORS = new Set([
  "SerializationException",
  "UnknownOperationException",
  "InternalFailure",
  "MissingAuthenticationTokenException",
  "IncompleteSignatureException",
  "InvalidSignatureException",
  "UnrecognizedClientException",
  "ExpiredTokenException",
  "AccessDeniedException",
  "NotImplemented",
]);

/** What a service that once spoke the query protocol called them then, and tells current clients still. */
const QUERY_CODES: Readonly<Record<string, string>> = {
  AccessDeniedException: "AccessDenied",
  ExpiredTokenException: "ExpiredToken",
  IncompleteSignatureException: "IncompleteSignature",
  InvalidSignatureException: "SignatureDoesNotMatch",
  MissingAuthenticationTokenException: "MissingAuthenticationToken",
  UnrecognizedClientException: "InvalidClientTokenId",
};

/** DynamoDB's namespace on the wire is not the model's. */
const WIRE_NAMESPACES: Readonly<Record<string, string>> = {
  "com.amazonaws.dynamodb": "com.amazonaws.dynamodb.v20120810",
};

export class ServiceProtocol {
  readonly model: ServiceModel;
  readonly #inputs = new Map<Operation, Bindings>();
  readonly #outputs = new Map<Operation, Bindings>();
  #router: Router | undefined;

  constructor(model: ServiceModel) {
    this.model = model;
  }

  get router(): Router {
    this.#router ??= createRouter(this.model);
    return this.#router;
  }

  operation(name: string): Operation | undefined {
    return this.model.operations.get(name);
  }

  /** Whether the operation's body is handed on as a stream. */
  streamsInput(operation: Operation): boolean {
    return this.#inputBindings(operation).payload?.traits.streaming === true;
  }

  decodeRpc(operation: Operation, protocol: Protocol, body: Buffer): unknown {
    if (operation.input.kind === "unit") return {};
    if (protocol === "rpcv2Cbor") return cborDecoder(operation.input)(parseCbor(body));
    return awsJson.decoder(operation.input)(parseJson(body));
  }

  decodeForm(operation: Operation, form: FormTree): unknown {
    const dialect = this.model.facts.protocol === "ec2Query" ? "ec2Query" : "awsQuery";
    return operation.input.kind === "unit" ? {} : formDecoder(operation.input, dialect)(form);
  }

  /** @param body the collected body, or the stream where {@link streamsInput} */
  decodeRest(operation: Operation, parts: RequestParts, body: Buffer | Readable): unknown {
    const bindings = this.#inputBindings(operation);
    const input = readBindings(bindings, parts);
    const { payload } = bindings;
    const xml = this.model.facts.protocol === "restXml";
    if (payload) {
      if (payload.traits.streaming) input[payload.name] = body;
      else if (Buffer.isBuffer(body) && body.length > 0)
        input[payload.name] = this.#decodePayload(payload.shape, body, xml);
    } else if (bindings.body && Buffer.isBuffer(body) && body.length > 0) {
      Object.assign(
        input,
        xml ? xmlReader(bindings.body)(parseXml(body)) : restJson.decoder(bindings.body)(parseJson(body)),
      );
    }
    return input;
  }

  #decodePayload(shape: Shape, body: Buffer, xml: boolean): unknown {
    if (shape.kind === "blob") return body;
    if (shape.kind === "string") return body.toString("utf8");
    if (shape.kind === "document") return parseJson(body);
    return xml ? xmlReader(shape)(parseXml(body)) : restJson.decoder(shape)(parseJson(body));
  }

  encode(operation: Operation, protocol: Protocol, output: any, requestId: string): Reply {
    switch (protocol) {
      case "awsJson1_0":
      case "awsJson1_1": {
        const body =
          operation.output.kind === "unit"
            ? protocol === "awsJson1_0"
              ? "{}"
              : ""
            : JSON.stringify(awsJson.encoder(operation.output)(output));
        const headers: Record<string, string> = {
          "x-amzn-RequestId": requestId,
          "content-type": `application/x-amz-json-1.${protocol === "awsJson1_0" ? "0" : "1"}`,
        };
        return { status: 200, headers: withChecksum(headers, body, this.model), body };
      }
      case "rpcv2Cbor":
        return {
          status: 200,
          headers: {
            "x-amzn-RequestId": requestId,
            "content-type": "application/cbor",
            "smithy-protocol": "rpc-v2-cbor",
          },
          body: operation.output.kind === "unit" ? undefined : writeCbor(cborEncoder(operation.output)(output)),
        };
      case "awsQuery": {
        const namespace = this.model.facts.xmlNamespace;
        const result = operation.output.kind === "unit" ? "" : this.#queryResult(operation, output);
        return {
          status: 200,
          headers: { "x-amzn-RequestId": requestId, "content-type": "text/xml" },
          body: `<?xml version="1.0"?>\n<${operation.name}Response xmlns="${namespace}">${result}<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${operation.name}Response>`,
        };
      }
      case "ec2Query": {
        const children = operation.output.kind === "unit" ? "" : xmlContents(operation.output)(output).children;
        return {
          status: 200,
          headers: { "x-amzn-RequestId": requestId, "content-type": "text/xml;charset=UTF-8" },
          body: `<?xml version="1.0" encoding="UTF-8"?>\n<${operation.name}Response xmlns="${this.model.facts.xmlNamespace}"><requestId>${requestId}</requestId>${children}</${operation.name}Response>`,
        };
      }
      default:
        return this.#encodeRest(operation, output, requestId);
    }
  }

  #queryResult(operation: Operation, output: any): string {
    const { children } = xmlContents(operation.output)(output);
    return `<${operation.name}Result>${children}</${operation.name}Result>`;
  }

  #encodeRest(operation: Operation, output: any, requestId: string): Reply {
    const xml = this.model.facts.protocol === "restXml";
    const bindings = this.#outputBindings(operation);
    const headers: Record<string, string> = xml ? s3Ids(requestId) : { "x-amzn-RequestId": requestId };
    // A range is a partial answer; S3's model knows the header and not the status.
    const status =
      writeBindings(bindings, output, headers) ??
      (xml && headers["content-range"] !== undefined ? 206 : (operation.http?.[2] ?? 200));
    const { payload } = bindings;
    const namespace = this.model.facts.xmlNamespace;
    let body: Reply["body"];
    if (payload) {
      const value = output[payload.name];
      if (value != null) {
        if (payload.traits.eventStream) {
          headers["content-type"] = EVENT_STREAM_TYPE;
          body = eventStream(payload.shape as Structure, value, (shape, event) =>
            xml
              ? ["text/xml", xmlDocument(shape, event, shape.xmlName ?? shape.name, namespace)]
              : ["application/json", JSON.stringify(restJson.encoder(shape)(event))],
          );
        } else if (isStructure(payload.shape)) {
          headers["content-type"] = xml ? "application/xml" : "application/json";
          body = xml
            ? xmlDocument(
                payload.shape,
                value,
                payload.traits.xmlName ?? payload.shape.xmlName ?? payload.shape.name,
                namespace,
              )
            : JSON.stringify(restJson.encoder(payload.shape)(value));
        } else if (payload.shape.kind === "document") {
          headers["content-type"] ??= "application/json";
          body = JSON.stringify(value);
        } else {
          headers["content-type"] ??= payload.shape.kind === "string" ? "text/plain" : "application/octet-stream";
          body = value;
        }
      }
    } else if (bindings.body && xml) {
      headers["content-type"] = "application/xml";
      const root = operation.output as { name: string; xmlName?: string };
      body =
        operation.name === "GetBucketLocation"
          ? xmlText("LocationConstraint", output.LocationConstraint ?? "", namespace)
          : xmlDocument(bindings.body, output, root.xmlName ?? root.name, namespace);
    } else if (bindings.body) {
      headers["content-type"] = "application/json";
      body = JSON.stringify(restJson.encoder(bindings.body)(output));
    } else if (!xml && status !== 204 && isStructure(operation.output)) {
      headers["content-type"] = "application/json";
      body = "{}";
    }
    return { status, headers, body };
  }

  /** @param resource the path, as S3 reports it */
  encodeError(error: AwsError, protocol: Protocol, requestId: string, resource: string): Reply {
    const modelled = this.model.errors.get(error.code);
    return encodeError(error, protocol, requestId, resource, this.model, modelled);
  }

  #inputBindings(operation: Operation): Bindings {
    let bindings = this.#inputs.get(operation);
    if (!bindings) this.#inputs.set(operation, (bindings = bindingsOf(operation.input, "input", operation.http?.[1])));
    return bindings;
  }

  #outputBindings(operation: Operation): Bindings {
    let bindings = this.#outputs.get(operation);
    if (!bindings) this.#outputs.set(operation, (bindings = bindingsOf(operation.output, "output")));
    return bindings;
  }
}

function s3Ids(requestId: string): Record<string, string> {
  const short = requestId.replaceAll("-", "").slice(0, 16).toUpperCase();
  return { "x-amz-request-id": short, "x-amz-id-2": Buffer.from(requestId).toString("base64") };
}

/**
 * DynamoDB's answers carry their CRC-32, which some SDKs check.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
 */
function withChecksum(headers: Record<string, string>, body: string, model: ServiceModel): Record<string, string> {
  if (model.facts.namespace === "com.amazonaws.dynamodb") headers["x-amz-crc32"] = String(crc32(body));
  return headers;
}

function encodeError(
  error: AwsError,
  protocol: Protocol,
  requestId: string,
  resource: string,
  model: ServiceModel,
  modelled: ModelledError | undefined,
): Reply {
  const status = error.status;
  const headers: Record<string, string> = { "x-amzn-RequestId": requestId };
  if (model.facts.queryCompatible && protocol !== "awsQuery") {
    headers["x-amzn-query-error"] = `${modelled?.query?.[0] ?? QUERY_CODES[error.code] ?? error.code};${error.fault}`;
  }
  // Some models call the text Message, some message; a model without either, and common errors, get message.
  const textMember = modelled?.shape.members.some((member) => member.name === "Message") ? "Message" : "message";
  switch (protocol) {
    case "awsJson1_0":
    case "awsJson1_1": {
      const detail = modelled ? awsJson.encoder(modelled.shape)(error.detail) : error.detail;
      const namespace = COMMON_ERRORS.has(error.code)
        ? "com.amazon.coral.service"
        : (WIRE_NAMESPACES[model.facts.namespace] ?? model.facts.namespace);
      const type = protocol === "awsJson1_0" ? `${namespace}#${error.code}` : error.code;
      headers["content-type"] = `application/x-amz-json-1.${protocol === "awsJson1_0" ? "0" : "1"}`;
      const body = JSON.stringify({ __type: type, ...detail, [textMember]: error.message });
      return { status, headers: withChecksum(headers, body, model), body };
    }
    case "restJson1": {
      const detail = modelled ? restJson.encoder(modelled.shape)(error.detail) : error.detail;
      headers["x-amzn-ErrorType"] = error.code;
      headers["content-type"] = "application/json";
      return { status, headers, body: JSON.stringify({ ...detail, [textMember]: error.message }) };
    }
    case "rpcv2Cbor": {
      const detail = modelled ? cborEncoder(modelled.shape)(error.detail) : error.detail;
      headers["content-type"] = "application/cbor";
      headers["smithy-protocol"] = "rpc-v2-cbor";
      return {
        status,
        headers,
        body: writeCbor({ __type: `${model.facts.namespace}#${error.code}`, ...detail, message: error.message }),
      };
    }
    case "awsQuery": {
      const [code, queryStatus] = modelled?.query ?? [error.code, status];
      headers["content-type"] = "text/xml";
      const detail = modelled
        ? xmlContents(modelled.shape)({ ...error.detail, message: undefined, Message: undefined }).children
        : "";
      return {
        status: queryStatus,
        headers,
        body: `<?xml version="1.0"?>\n<ErrorResponse xmlns="${model.facts.xmlNamespace}"><Error><Type>${error.fault}</Type><Code>${escapeXml(code)}</Code><Message>${escapeXml(error.message)}</Message>${detail}</Error><RequestId>${requestId}</RequestId></ErrorResponse>`,
      };
    }
    case "ec2Query": {
      headers["content-type"] = "text/xml;charset=UTF-8";
      const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message></Error></Errors><RequestID>${requestId}</RequestID></Response>`;
      return { status, headers, body };
    }
    case "restXml": {
      const ids = s3Ids(requestId);
      const { $headers: further, ...elements } = error.detail;
      const detail = Object.entries(elements)
        .map(([name, value]) => `<${name}>${escapeXml(String(value))}</${name}>`)
        .join("");
      return {
        status,
        headers: { ...ids, "content-type": "application/xml", ...(further as Record<string, string> | undefined) },
        body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message>${detail}<Resource>${escapeXml(resource)}</Resource><RequestId>${ids["x-amz-request-id"]}</RequestId><HostId>${ids["x-amz-id-2"]}</HostId></Error>`,
      };
    }
  }
}

/** InternalFailure, named as the protocol's services name it. The cause goes to the log, not to the caller. */
export function internalFailure(protocol: Protocol): AwsError {
  return protocol === "restXml"
    ? new AwsError("InternalError", "We encountered an internal error. Please try again.", 500)
    : new AwsError(
        "InternalFailure",
        "The request processing has failed because of an unknown error, exception or failure.",
        500,
      );
}
