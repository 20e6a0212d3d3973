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
/** @param bytesMax how much of the buffer the value takes; all of it when not given */
export const decodeValue = (bytes: Uint8Array, bytesMax?: number): unknown =>
  packr.unpack(bytes as Buffer, bytesMax as never);
