/**
 * An image that does nothing: what holds the network of a task with several containers, and the bridge while Virga listens on it. There may be
 * no registry to get one from, so it is made here: one program of a few instructions that sleeps for ever.
 *
 * @see https://refspecs.linuxfoundation.org/elf/elf.pdf
 * @see https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html (ustar)
 */

export const PAUSE_IMAGE = "virga/pause:1";
export const PAUSE_COMMAND: readonly string[] = ["/pause"];

const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const LOAD_ADDRESS = 0x400000n;
const PAGE_BYTES = 0x1000n;

/** Machine number and code. */
const PROGRAMS: Readonly<Record<string, readonly [machine: number, code: Buffer]>> = {
  // again: mov eax, 34 (pause); syscall; jmp again
  amd64: [62, Buffer.from("b8220000000f05ebf7", "hex")],
  // again: x0 … x3 = 0; x8 = 73 (ppoll); svc 0; b again
  arm64: [183, words(0xd2800000, 0xd2800001, 0xd2800002, 0xd2800003, 0xd2800928, 0xd4000001, 0x17fffffa)],
};

function words(...values: number[]): Buffer {
  const code = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) code.writeUInt32LE(value, index * 4);
  return code;
}

/** The image's only layer, as a tar archive. @param architecture as the engine calls it @throws Error for a machine that no program is known for */
export function pauseArchive(architecture: string): Buffer {
  const program = PROGRAMS[architecture];
  if (!program) {
    throw new Error(
      `Virga knows no pause program for ${architecture}, so tasks there have one container. It knows: ${Object.keys(PROGRAMS).join(", ")}.`,
    );
  }
  return archiveOf("pause", executable(...program));
}

function executable(machine: number, code: Buffer): Buffer {
  const start = ELF_HEADER_BYTES + PROGRAM_HEADER_BYTES;
  const bytes = BigInt(start + code.length);
  const header = Buffer.alloc(start);
  header.write("\x7fELF\x02\x01\x01", "latin1");
  header.writeUInt16LE(2, 16); // executable
  header.writeUInt16LE(machine, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(LOAD_ADDRESS + BigInt(start), 24); // entry
  header.writeBigUInt64LE(BigInt(ELF_HEADER_BYTES), 32); // where the program header is
  header.writeUInt16LE(ELF_HEADER_BYTES, 52);
  header.writeUInt16LE(PROGRAM_HEADER_BYTES, 54);
  header.writeUInt16LE(1, 56); // how many
  header.writeUInt32LE(1, 64); // load
  header.writeUInt32LE(5, 68); // read, execute
  header.writeBigUInt64LE(LOAD_ADDRESS, 80);
  header.writeBigUInt64LE(LOAD_ADDRESS, 88);
  header.writeBigUInt64LE(bytes, 96);
  header.writeBigUInt64LE(bytes, 104);
  header.writeBigUInt64LE(PAGE_BYTES, 112);
  return Buffer.concat([header, code]);
}

const BLOCK_BYTES = 512;

function archiveOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, at: number, length: number) =>
    header.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
  header.write(name, 0, "latin1");
  octal(0o755, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(content.length, 124, 12);
  octal(0, 136, 12);
  header.write("        ", 148, "latin1");
  header.write("0", 156, "latin1");
  header.write("ustar\x0000", 257, "latin1");
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  const padding = Buffer.alloc((BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES);
  return Buffer.concat([header, content, padding, Buffer.alloc(2 * BLOCK_BYTES)]);
}
