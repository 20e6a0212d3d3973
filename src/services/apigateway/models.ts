/** Models (JSON schemas) and request validators: what a method demands of a request. */
import { lowerId } from "../../kernel/ids.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { badRequest, conflict, modelNotFound, validatorNotFound } from "./errors.ts";
import { patched } from "./patch.ts";
import { requireApi } from "./rest-apis.ts";
import { checkSchema, SchemaError } from "./runtime/schema.ts";
import { type Model, models, page, resources, type Validator, validators } from "./state.ts";

type V1 = "apigateway";

/** @throws BadRequestException when the schema is none, or uses what Virga cannot check */
export function addModel(tx: Transaction, context: OperationContext, apiId: string, model: Omit<Model, "id">): Model {
  if (!/^[a-zA-Z0-9]+$/.test(model.name)) throw badRequest("Model name must be alphanumeric: " + model.name);
  if (models.get(tx, context, apiId, model.name)) throw conflict(`Model name already exists for this REST API`);
  checkModel(model);
  const added = { ...model, id: lowerId(context.random, 6) };
  models.put(tx, context, added, apiId, model.name);
  return added;
}

function checkModel({ schema }: Omit<Model, "id">): void {
  if (schema === undefined || schema === "") return;
  try {
    checkSchema(JSON.parse(schema));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof SchemaError) {
      throw badRequest(`Model schema is invalid: Validation Result: warnings : [], errors : [${error.message}]`);
    }
    throw error;
  }
}

export function createModel(
  tx: Transaction,
  input: InputOf<V1, "CreateModel">,
  context: OperationContext,
): OutputOf<V1, "CreateModel"> {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  return addModel(tx, context, apiId, {
    name: input.name ?? "",
    contentType: input.contentType ?? "application/json",
    ...(input.description !== undefined && { description: input.description }),
    ...(input.schema !== undefined && { schema: input.schema }),
  });
}

function requireModel(
  tx: Transaction,
  context: OperationContext,
  input: { readonly restApiId?: string | undefined; readonly modelName?: string | undefined },
): { apiId: string; model: Model } {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  const model = models.get(tx, context, apiId, input.modelName ?? "");
  if (!model) throw modelNotFound(input.modelName ?? "");
  return { apiId, model };
}

export function getModel(
  tx: Transaction,
  input: InputOf<V1, "GetModel">,
  context: OperationContext,
): OutputOf<V1, "GetModel"> {
  return requireModel(tx, context, input).model;
}

export function getModels(
  tx: Transaction,
  input: InputOf<V1, "GetModels">,
  context: OperationContext,
): OutputOf<V1, "GetModels"> {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  const { items, position } = page(models.all(tx, context, apiId), input);
  return { items: [...items], position };
}

export function updateModel(
  tx: Transaction,
  input: InputOf<V1, "UpdateModel">,
  context: OperationContext,
): OutputOf<V1, "UpdateModel"> {
  const { apiId, model } = requireModel(tx, context, input);
  const updated = patched(model, input.patchOperations, { "/description": {}, "/schema": { only: ["replace"] } });
  checkModel(updated);
  models.put(tx, context, updated, apiId, model.name);
  return updated;
}

export function deleteModel(tx: Transaction, input: InputOf<V1, "DeleteModel">, context: OperationContext): object {
  const { apiId, model } = requireModel(tx, context, input);
  for (const resource of resources.all(tx, context, apiId)) {
    for (const method of Object.values(resource.methods)) {
      const used = [
        ...Object.values(method.requestModels ?? {}),
        ...Object.values(method.methodResponses).flatMap((response) => Object.values(response.responseModels ?? {})),
      ];
      if (used.includes(model.name)) {
        throw conflict(
          `Cannot delete model '${model.name}', is referenced in method: ${method.httpMethod} on resource: ${resource.path}`,
        );
      }
    }
  }
  models.delete(tx, context, apiId, model.name);
  return {};
}

export function createRequestValidator(
  tx: Transaction,
  input: InputOf<V1, "CreateRequestValidator">,
  context: OperationContext,
): OutputOf<V1, "CreateRequestValidator"> {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  const id = lowerId(context.random, 6);
  const validator: Validator = {
    id,
    name: input.name ?? id,
    validateRequestBody: input.validateRequestBody ?? false,
    validateRequestParameters: input.validateRequestParameters ?? false,
  };
  validators.put(tx, context, validator, apiId, id);
  return validator;
}

function requireValidator(
  tx: Transaction,
  context: OperationContext,
  input: { readonly restApiId?: string | undefined; readonly requestValidatorId?: string | undefined },
): { apiId: string; validator: Validator } {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  const validator = validators.get(tx, context, apiId, input.requestValidatorId ?? "");
  if (!validator) throw validatorNotFound();
  return { apiId, validator };
}

export function getRequestValidator(
  tx: Transaction,
  input: InputOf<V1, "GetRequestValidator">,
  context: OperationContext,
): OutputOf<V1, "GetRequestValidator"> {
  return requireValidator(tx, context, input).validator;
}

export function getRequestValidators(
  tx: Transaction,
  input: InputOf<V1, "GetRequestValidators">,
  context: OperationContext,
): OutputOf<V1, "GetRequestValidators"> {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  const { items, position } = page(validators.all(tx, context, apiId), input);
  return { items: [...items], position };
}

export function updateRequestValidator(
  tx: Transaction,
  input: InputOf<V1, "UpdateRequestValidator">,
  context: OperationContext,
): OutputOf<V1, "UpdateRequestValidator"> {
  const { apiId, validator } = requireValidator(tx, context, input);
  const updated = patched(validator, input.patchOperations, {
    "/name": { only: ["replace"] },
    "/validateRequestBody": { type: "boolean", only: ["replace"] },
    "/validateRequestParameters": { type: "boolean", only: ["replace"] },
  });
  validators.put(tx, context, updated, apiId, validator.id);
  return updated;
}

export function deleteRequestValidator(
  tx: Transaction,
  input: InputOf<V1, "DeleteRequestValidator">,
  context: OperationContext,
): object {
  const { apiId, validator } = requireValidator(tx, context, input);
  for (const resource of resources.all(tx, context, apiId)) {
    const user = Object.values(resource.methods).find((method) => method.requestValidatorId === validator.id);
    if (user) {
      throw conflict(
        `Cannot delete request validator '${validator.id}', is referenced in method: ${user.httpMethod} on resource: ${resource.path}`,
      );
    }
  }
  validators.delete(tx, context, apiId, validator.id);
  return {};
}
