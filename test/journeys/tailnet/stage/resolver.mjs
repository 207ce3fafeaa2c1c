// A DNS server with one answer: every name has the address of its second argument. Listens on UDP
// at its first, ends with its input.
import { createSocket } from "node:dgram";
import { once } from "node:events";

const [where, address = ""] = process.argv.slice(2);
const TYPE_A = 1;

/** @param {Buffer} question */
function answerTo(question) {
  const nameEnd = question.indexOf(0, 12);
  const asked = question.subarray(12, nameEnd + 5);
  const isA = question.readUInt16BE(nameEnd + 1) === TYPE_A;
  const header = Buffer.from(question.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(isA ? 1 : 0, 6);
  header.fill(0, 8, 12);
  // A pointer to the name that was asked for, type A, class IN, 0 s, 4 bytes.
  const record = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split(".").map(Number)]);
  return Buffer.concat(isA ? [header, asked, record] : [header, asked]);
}

const socket = createSocket("udp4");
socket.on("message", (question, { port, address: asker }) => socket.send(answerTo(question), port, asker));
socket.bind(53, where);
await once(socket, "listening");
process.stdout.write("listening\n");
process.stdin.resume().once("end", () => process.exit());
