// Listens on TCP at every address of the network that it is started in, on the ports that are its
// arguments, and answers DNS at the addresses that are. A world in which whatever gets through is
// answered. Ends with its input.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, isIPv6 } from "node:net";

const DNS = 53;

/** NXDOMAIN, with the question as it was. @param {Buffer} question */
function answerTo(question) {
  const answer = Buffer.from(question);
  answer.writeUInt16BE(0x8183, 2);
  return answer;
}

/** @param {number} port */
async function listenTcp(port) {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    if (port !== DNS) socket.end("something secret\n");
    else
      socket.once("data", (message) =>
        socket.end(Buffer.concat([message.subarray(0, 2), answerTo(message.subarray(2))])),
      );
  });
  server.listen({ host: "::", port });
  await once(server, "listening");
}

/**
 * At an address of its own each: an answer from another one than was asked would be nobody's.
 * @param {string} address
 */
async function listenUdp(address) {
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  socket.on("message", (message, { port, address: asker }) => socket.send(answerTo(message), port, asker));
  socket.bind(DNS, address);
  await once(socket, "listening");
}

const words = process.argv.slice(2);
const isPort = (/** @type {string} */ word) => /^\d+$/.test(word);
await Promise.all([
  ...words.filter(isPort).map((port) => listenTcp(Number(port))),
  ...words.filter((word) => !isPort(word)).map(listenUdp),
]);
process.stdout.write("listening\n");
process.stdin.resume().once("end", () => process.exit());
