/**
 * The two kinds of error. {@link AwsError} is expected: an operation declares it, it rolls the transaction back and reaches
 * the caller as AWS would send it. Everything else is our own bug and reaches the caller as InternalFailure.
 */

export class AwsError extends Error {
  /** AWS's error code without namespace, as in the service's model: `QueueDoesNotExist`. */
  readonly code: string;
  /** HTTP status. */
  readonly status: number;
  /**
   * Further members of the error's modelled shape, for example `Item` or `CancellationReasons`. REST-XML (S3) writes any member as an element,
   * except `$headers`: a record of headers that the reply carries.
   */
  readonly detail: Readonly<Record<string, unknown>>;
  override readonly name = "AwsError";

  constructor(code: string, message: string, status = 400, detail: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.detail = detail;
  }

  get fault(): "Sender" | "Receiver" {
    return this.status >= 500 ? "Receiver" : "Sender";
  }
}

/**
 * Refuses what Virga does not support, naming it. Answered as 501 with the code `NotImplemented`.
 * @param what what was asked for, in AWS's words: `s3:SelectObjectContent`, `the SQS attribute KmsMasterKeyId`
 */
export function notImplemented(what: string): AwsError {
  return new AwsError("NotImplemented", `Virga does not support ${what}. COMPAT.md lists what it supports.`, 501);
}

/** Our own bug if it fails: crashes a test, becomes InternalFailure in production. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`Broken invariant: ${message}`);
}
