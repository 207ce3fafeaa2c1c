import { spawn } from "node:child_process";
import { once } from "node:events";
import type { NetworkPlace } from "../../../sandbox/net/place.ts";

/**
 * Somebody who listens in a network on TCP and answers whoever comes with the address that they
 * come from.
 */
export class Listener implements AsyncDisposable {
  readonly #end: () => Promise<void>;

  private constructor(end: () => Promise<void>) {
    this.#end = end;
  }

  static async at(place: NetworkPlace, address: string, port: number): Promise<Listener> {
    const where = `${port}, ${JSON.stringify(address)}`;
    const program = `require("net").createServer((s) => s.on("error", () => {}).end(s.remoteAddress)).listen(${where}, () => console.log("up"))`;
    const { command, args } = place.enter(process.execPath, ["-e", program]);
    const server = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    await once(server.stdout, "data");
    return new Listener(async () => {
      const gone = once(server, "exit");
      server.kill("SIGKILL");
      await gone;
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#end();
  }
}

/**
 * The address under which somebody from this network is seen by a listener; or the error's code, or
 * "silent" after 5 s: a refusal that comes back over a veth before connect(2) returns is heard only
 * at the second try, after 1 s.
 */
export function seenAs(from: NetworkPlace, address: string, port: number): Promise<string> {
  const program = `
    const socket = require("net").connect(${port}, ${JSON.stringify(address)});
    socket.pipe(process.stdout);
    socket.on("error", ({ code }) => console.log(code)).setTimeout(5000, () => process.exit(console.log("silent")));`;
  return from.run(process.execPath, ["-e", program]).then((said) => said.trim());
}
