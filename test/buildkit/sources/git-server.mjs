// Serves git repositories by git's own protocol, at the address that is its second argument and a
// free port, which it tells. Ends with its input.
import { spawn } from "node:child_process";
import { createServer } from "node:net";

const [dir = "", host = ""] = process.argv.slice(2);

const server = createServer((socket) => {
  const args = ["daemon", "--inetd", "--export-all", `--base-path=${dir}`, dir];
  const env = {
    ...process.env,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "safe.directory",
    GIT_CONFIG_VALUE_0: "*",
  };
  const daemon = spawn("git", args, { stdio: ["pipe", "pipe", "inherit"], env });
  socket.on("error", () => daemon.kill());
  daemon.stdin.on("error", () => undefined);
  socket.pipe(daemon.stdin);
  daemon.stdout.pipe(socket);
});
server.listen({ host, port: 0 }, () => {
  const address = server.address();
  if (typeof address === "object") console.log(address?.port);
});
process.stdin.resume().on("end", () => process.exit(0));
