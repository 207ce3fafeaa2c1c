import { copyFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Scope } from "../../../agent/lifecycle/scope.ts";
import { EmbeddedControlPlane } from "../../../sandbox/control-plane/embedded-control-plane.ts";
import { PortHold } from "../../../sandbox/stack/free-port.ts";
import { TempDir } from "../../../sandbox/stack/temp-dir.ts";
import { readToolchain, type Toolchain } from "../../../sandbox/stack/toolchain.ts";
import { proveNothingLeft } from "../../journeys/stage/nothing-left.ts";
import type { GuestParts } from "../machine/guest.ts";
import { paced } from "../machine/pace.ts";

/** Whose machine every stage is. */
export const REF = { org: "acme", project: "app" } as const;
/** Under emulation a change takes a while to be in force. */
const APPLY_DEADLINE_MS = paced(90_000);

/** What a stage has before it has a machine. */
export interface WorkPlace {
  readonly plane: EmbeddedControlPlane;
  readonly tools: Toolchain;
  readonly ports: GuestParts["ports"];
  /** The guest's sockets, and its own disk. */
  readonly guestDir: string;
  /** What build clients have and get. */
  readonly clientDir: string;
  /** @throws {Error} naming what a guest has left: a process, a socket. */
  readonly proveNoGuestLeft: () => Promise<void>;
}

/** `scope` then owns it. */
export async function workPlace(scope: Scope): Promise<WorkPlace> {
  const tools = await readToolchain();
  const guestDir = scope.own(await TempDir.make(join(tmpdir(), "vm-"))).path;
  const clientDir = scope.own(await TempDir.make(join(tmpdir(), "vm-client-"))).path;
  await mkdir(join(clientDir, "context"));
  await copyFile(tools.busybox, join(clientDir, "context", "busybox"));
  const plane = scope.own(await EmbeddedControlPlane.listen({ applyDeadlineMs: APPLY_DEADLINE_MS }));
  const ports = { ...(await freePorts()), plane: plane.transport.port };
  // The port stands in the command line of whatever leads the guest to the control plane.
  const proveNoGuestLeft = () => proveNothingLeft([guestDir, clientDir, String(ports.plane)], [guestDir]);
  return { plane, tools, ports, guestDir, clientDir, proveNoGuestLeft };
}

async function freePorts(): Promise<{ readonly ssh: number; readonly builds: number }> {
  using hold = new PortHold();
  const free = { host: "127.0.0.1", port: 0 };
  return { ssh: (await hold.take(free)).port, builds: (await hold.take(free)).port };
}
