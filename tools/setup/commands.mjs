import { accessSync, closeSync, constants, openSync, readSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * Where Debian's packages put their programs. Users other than root often have no sbin on PATH,
 * though the programs in it serve them too.
 */
const SYSTEM_FOLDERS = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

const onPath = () => (process.env["PATH"] ?? "").split(delimiter);

/**
 * The path of the command that a shell would run.
 * @param {string} name
 * @param {readonly string[]} [folders]
 */
export function findCommand(name, folders = onPath()) {
  return folders
    .filter((folder) => folder.startsWith("/"))
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/**
 * The path of a program of Debian's: where its package has put it, whatever lies before that on
 * PATH. @param {string} name
 */
export const findSystemProgram = (name) => findCommand(name, [...SYSTEM_FOLDERS, ...onPath()]);

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

const PT_INTERP = 3;

/**
 * Whether a 64-bit little-endian ELF program needs no dynamic loader, and so runs alone in an empty
 * image. @param {string} file
 */
export function isStatic(file) {
  const head = Buffer.alloc(4096);
  const descriptor = openSync(file, "r");
  try {
    readSync(descriptor, head, 0, head.length, 0);
  } finally {
    closeSync(descriptor);
  }
  const [start, size, count] = [Number(head.readBigUInt64LE(0x20)), head.readUInt16LE(0x36), head.readUInt16LE(0x38)];
  return !Array.from({ length: count }, (_, index) => head.readUInt32LE(start + index * size)).includes(PT_INTERP);
}
