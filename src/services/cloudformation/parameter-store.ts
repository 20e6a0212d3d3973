/** Template parameters whose values lie in Parameter Store. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html */
import { AwsError } from "../../kernel/errors.ts";
import type { OperationContext } from "../service.ts";
import { validationError } from "./errors.ts";
import type { ParameterStore } from "./template/parameters.ts";

/** As whoever asks for the stack. */
export const parameterStore =
  (context: OperationContext): ParameterStore =>
  (name) => {
    try {
      const { Parameter } = context.call("ssm", "GetParameter", { Name: name });
      if (Parameter!.Type === "SecureString") {
        throw validationError(
          `Parameters [${name}] referenced by template have types not supported by CloudFormation.`,
        );
      }
      return Parameter!.Value!;
    } catch (error) {
      if (!(error instanceof AwsError && /^Parameter(Version)?NotFound$/.test(error.code))) throw error;
      throw validationError(`Unable to fetch parameters [${name}] from parameter store for this account.`);
    }
  };
