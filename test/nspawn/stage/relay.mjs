import { connect, createServer } from "node:net";

// Runs in the machine's network namespace: TCP on its loopback ↔ a unix socket, which knows no network namespaces.
const [port, socketPath] = process.argv.slice(2);
const server = createServer((near) => {
  const far = connect(/** @type {string} */ (socketPath));
  near.pipe(far).pipe(near);
  near.on("error", () => far.destroy()).on("close", () => far.destroy());
  far.on("error", () => near.destroy()).on("close", () => near.destroy());
});
server.listen(Number(port), "127.0.0.1", () => process.stdout.write("listening\n"));
