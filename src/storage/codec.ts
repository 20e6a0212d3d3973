/** Values as bytes: MessagePack, self-contained, undefined members dropped. */
import { Packr } from "msgpackr";

const packr = new Packr({
  useRecords: false,
  variableMapSize: true,
  skipValues: [undefined],
  copyBuffers: true,
  largeBigIntToFloat: false,
} as ConstructorParameters<typeof Packr>[0]);

export const encodeValue = (value: unknown): Uint8Array => packr.pack(value);
export const decodeValue = (bytes: Uint8Array): unknown => packr.unpack(bytes as Buffer);
