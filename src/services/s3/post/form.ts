/**
 * Reads multipart/form-data as a browser sends it: the fields up to the file into memory, the file as a stream.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7578
 */
import { AwsError } from "../../../kernel/errors.ts";
import { invalidArgument, s3Error } from "../errors.ts";

/** Everything before the file, in bytes. */
const FIELDS_BYTES_MAX = 20 * 1024;
const PART_HEADERS_BYTES_MAX = 4 * 1024;

export interface Form {
  /** By lower-case name, as S3 compares them; what follows the file is ignored. */
  readonly fields: Readonly<Record<string, string>>;
  readonly file: {
    /** Without the path that some browsers put before it. */
    readonly name: string;
    /** Ends with the file; what comes after is read and dropped. */
    readonly bytes: AsyncIterable<Buffer>;
  };
}

const malformed = () =>
  new AwsError("MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.", 400);

/** @throws MalformedPOSTRequest */
export function boundaryOf(contentType: string | undefined): string {
  const match = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;]{1,70}))/i.exec(contentType ?? "");
  const boundary = match?.[1] ?? match?.[2];
  if (!boundary) throw malformed();
  return boundary;
}

/** A view of a stream that can look for a marker. */
class Scanner {
  readonly #source: AsyncIterator<Buffer>;
  #held: Buffer;

  /** @param head bytes that are taken to stand before the stream's */
  constructor(source: AsyncIterable<Buffer>, head: Buffer) {
    this.#source = source[Symbol.asyncIterator]();
    this.#held = head;
  }

  async #more(): Promise<void> {
    const next = await this.#source.next();
    if (next.done) throw s3Error("IncompleteBody");
    this.#held = Buffer.concat([this.#held, next.value]);
  }

  /** What stands before the marker, which is stepped over. */
  async until(marker: Buffer, bytesMax: number, tooLong: () => AwsError): Promise<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(marker);
      if (at >= 0 ? at > bytesMax : this.#held.length > bytesMax + marker.length) throw tooLong();
      if (at >= 0) {
        const found = this.#held.subarray(0, at);
        this.#held = this.#held.subarray(at + marker.length);
        return found;
      }
      await this.#more();
    }
  }

  async take(bytes: number): Promise<Buffer> {
    while (this.#held.length < bytes) await this.#more();
    const taken = this.#held.subarray(0, bytes);
    this.#held = this.#held.subarray(bytes);
    return taken;
  }

  /** Streams what stands before the marker, then reads the rest to its end. */
  async *streamUntil(marker: Buffer): AsyncGenerator<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(marker);
      if (at >= 0) {
        if (at > 0) yield this.#held.subarray(0, at);
        break;
      }
      // The marker may have begun: its first bytes are kept back.
      const sure = this.#held.length - (marker.length - 1);
      if (sure > 0) {
        yield this.#held.subarray(0, sure);
        this.#held = this.#held.subarray(sure);
      }
      await this.#more();
    }
    while (!(await this.#source.next()).done);
  }
}

/** @throws MalformedPOSTRequest, MaxPostPreDataLengthExceeded, IncompleteBody, InvalidArgument without a file */
export async function readForm(source: AsyncIterable<Buffer>, boundary: string): Promise<Form> {
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const scanner = new Scanner(source, Buffer.from("\r\n"));
  const fields: Record<string, string> = {};
  let left = FIELDS_BYTES_MAX;
  const tooLong = () =>
    new AwsError(
      "MaxPostPreDataLengthExceeded",
      "Your POST request fields preceding the upload file were too large.",
      400,
      { MaxPostPreDataLengthBytes: FIELDS_BYTES_MAX },
    );
  await scanner.until(delimiter, FIELDS_BYTES_MAX, malformed);
  for (;;) {
    const end = (await scanner.take(2)).toString("latin1");
    if (end === "--") throw invalidArgument("POST requires exactly one file upload per request.", "file", "0");
    if (end !== "\r\n") throw malformed();
    const head = await scanner.until(Buffer.from("\r\n\r\n"), PART_HEADERS_BYTES_MAX, malformed);
    const disposition = /^content-disposition:\s*form-data\s*;(.*)$/im.exec(head.toString("utf8"))?.[1];
    const name = parameter(disposition, "name")?.toLowerCase();
    if (name === undefined) throw malformed();
    if (name === "file") {
      const fileName = parameter(disposition, "filename") ?? "";
      return {
        fields,
        file: { name: fileName.slice(fileName.search(/[^/\\]*$/)), bytes: scanner.streamUntil(delimiter) },
      };
    }
    const value = await scanner.until(delimiter, left, tooLong);
    left -= value.length + head.length;
    fields[name] = value.toString("utf8");
  }
}

function parameter(disposition: string | undefined, name: string): string | undefined {
  const match = new RegExp(`(?:^|;)\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;]+))`, "i").exec(disposition ?? "");
  // Browsers escape a quote as %22.
  return match?.[1]?.replaceAll("%22", '"') ?? match?.[2];
}
