/** MD5 of bodies and attributes, by which clients check what arrived. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation */
import { createHash, hash as digest } from "node:crypto";
import type { MessageAttributeValue } from "@aws-sdk/client-sqs";

export const md5Hex = (text: string): string => digest("md5", text, "hex");

const STRING = 1;
const BINARY = 2;

/** Over the attributes in order of their names: length and bytes of name, of type, the kind of value, length and bytes of value. */
export function attributesMd5(
  attributes: Readonly<Record<string, MessageAttributeValue>> | undefined,
): string | undefined {
  const names = Object.keys(attributes ?? {}).sort();
  if (names.length === 0) return undefined;
  const hash = createHash("md5");
  const length = Buffer.alloc(4);
  const update = (bytes: Uint8Array) => {
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  };
  for (const name of names) {
    const { DataType, StringValue, BinaryValue } = attributes![name]!;
    update(Buffer.from(name));
    update(Buffer.from(DataType!));
    const binary = DataType!.startsWith("Binary");
    hash.update(Uint8Array.of(binary ? BINARY : STRING));
    update(binary ? BinaryValue! : Buffer.from(StringValue!));
  }
  return hash.digest("hex");
}
