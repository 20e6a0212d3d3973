/** What the Serverless transform refuses, in its own words. */
import { validationError } from "../errors.ts";

const failed = (reason: string) =>
  validationError(
    `Transform AWS::Serverless-2016-10-31 failed with: Invalid Serverless Application Specification document. Number of errors found: 1. ${reason}`,
  );

export const invalidResource = (logicalId: string, reason: string) =>
  failed(`Resource with id [${logicalId}] is invalid. ${reason}`);

export const invalidEvent = (functionId: string, eventId: string, reason: string) =>
  failed(`Resource with id [${functionId}] is invalid. Event with id [${eventId}] is invalid. ${reason}`);

export const invalidGlobals = (reason: string) => failed(`'Globals' section is invalid. ${reason}`);

/** Refuses what SAM knows and Virga does not have. */
export const unsupported = (logicalId: string, what: string) =>
  failed(`Resource with id [${logicalId}] is invalid. Virga does not support ${what}.`);
