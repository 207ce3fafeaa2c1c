import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { lastTailnet, type TailnetRecord } from "../../../sandbox/tailnet/record.ts";
import { eventually } from "../real-sandbox.ts";

const PROGRAM = fileURLToPath(new URL("../../../dist/sandbox/main.js", import.meta.url));

function start(dir: string) {
  return execa(process.execPath, [PROGRAM, "tailnet", "up", "--dir", dir], { reject: false, env: { NO_COLOR: "1" } });
}

/** `npm run sandbox -- tailnet up`, as a process. */
export class RunningTailnet implements AsyncDisposable {
  readonly dir: string;
  readonly process: ReturnType<typeof start>;

  constructor(dir: string) {
    this.dir = dir;
    this.process = start(dir);
  }

  ready(): Promise<TailnetRecord> {
    return eventually("the tailnet", async () => {
      const record = await lastTailnet(this.dir);
      return record?.pid === this.process.pid ? record : undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGTERM");
    await this.process;
  }
}
