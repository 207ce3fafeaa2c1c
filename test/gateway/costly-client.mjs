import { connect as connectPlain } from "node:net";
import { connect, createSecureContext } from "node:tls";

/** As long as the attack lasts; then it tells how many handshakes it has begun. */
const ATTACK_MS = 5_000;

const part = () => 1 + Math.floor(Math.random() * 250);

/**
 * @typedef {{ port: number, localAddress: string, atOnce: number }} Where
 * @typedef {Where & { chainPem: string, keyPem: string }} Order
 */
process.once("message", (/** @type {Order} */ { port, localAddress, atOnce, chainPem, keyPem }) => {
  const secureContext = createSecureContext({ cert: chainPem, key: keyPem });
  let handshakes = 0;
  const dial = () => {
    handshakes += 1;
    // Thousands of sources, each seen for the first time.
    const from = localAddress === "any" ? `127.${part()}.${part()}.${part()}` : localAddress;
    const wire = connectPlain({ host: "127.0.0.1", port, localAddress: from }).on("error", () => undefined);
    const socket = connect({ socket: wire, secureContext, servername: "localhost", rejectUnauthorized: false });
    socket.on("error", () => undefined).resume();
    socket.once("close", () => {
      wire.destroy();
      setTimeout(dial, 1);
    });
  };
  for (let each = 0; each < atOnce; each += 1) dial();
  setTimeout(() => process.send?.(handshakes, () => process.exit()), ATTACK_MS);
});
