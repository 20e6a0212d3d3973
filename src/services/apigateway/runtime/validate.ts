/** Request validation. @see https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html */
import { type Exchange, requestValues } from "./exchange.ts";
import { GatewayError } from "./gateway.ts";
import { evaluateRequest } from "./parameters.ts";
import { validate } from "./schema.ts";

/** @throws GatewayError BAD_REQUEST_PARAMETERS or BAD_REQUEST_BODY */
export function validateRequest(exchange: Exchange): void {
  const { validator, method } = exchange.target!;
  if (validator?.validateRequestParameters) {
    const values = requestValues(exchange);
    const missing = Object.entries(method.requestParameters ?? {})
      .filter(([name, required]) => required && evaluateRequest(name, values).every((value) => value === ""))
      .map(([name]) => name.replace(/^method\.request\.\w+\./, ""));
    if (missing.length > 0) {
      const text = `Missing required request parameters: [${missing.join(", ")}]`;
      throw new GatewayError("BAD_REQUEST_PARAMETERS", text, undefined, text);
    }
  }
  if (validator?.validateRequestBody) validateBody(exchange);
}

function validateBody(exchange: Exchange): void {
  const { requestModels = {} } = exchange.target!.method;
  const type = (exchange.request.headers["content-type"] ?? "application/json").split(";")[0]!.trim().toLowerCase();
  const entry = Object.entries(requestModels).find(([one]) => one.toLowerCase() === type);
  const model = entry && exchange.stage.models.get(entry[1]);
  if (!model?.schema) return;
  let failed: string | undefined;
  try {
    const schemaOf = (name: string): unknown => {
      const schema = exchange.stage.models.get(name)?.schema;
      return schema === undefined ? undefined : JSON.parse(schema);
    };
    failed = validate(JSON.parse(exchange.body.toString("utf8")), JSON.parse(model.schema), schemaOf);
  } catch {
    failed = "the body is no JSON";
  }
  if (failed !== undefined)
    throw new GatewayError("BAD_REQUEST_BODY", "Invalid request body", undefined, `[${failed}]`);
}
