import { pathToFileURL } from "node:url";
import { goTool } from "../../setup/go-tool.mjs";
import { goTools } from "../../setup/go-tools.mjs";
import { inTree } from "../../setup/tree.mjs";

const REF = { org: "acme", project: "app" };
const BUILD_LIFETIME_MS = 60 * 60_000;

/**
 * A control plane in this process, for a guest whose person has none: it wants a cache with a key
 * of the guest's own, on the guest's second disk.
 */
export async function sandboxPlane() {
  const { EmbeddedControlPlane } =
    /** @type {typeof import("../../../sandbox/control-plane/embedded-control-plane.ts")} */ (
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is compiled from the very file that the type names
      await import(compiled("sandbox/control-plane/embedded-control-plane.js"))
    );
  const plane = await EmbeddedControlPlane.listen();
  const joinToken = plane.issueJoinToken(REF);
  plane.wish(REF, {
    cacheVolume: {
      volumeId: "boot",
      device: "/dev/disk/by-id/virtio-cache",
      filesystem: "ext4",
      key: { $case: "perBoot", value: {} },
    },
  });
  return {
    port: plane.transport.port,
    ca: plane.caPem,
    joinToken,
    serverName: plane.serverName,
    /**
     * Opens a build. @param {string} folder Where its files go. @param {string} endpoint
     * @param {readonly string[]} what buildctl's arguments from `build` on. @returns
     *   {Promise<string>} A line for a shell.
     */
    async clientLine(folder, endpoint, what) {
      const { writeTicket } = /** @type {typeof import("../../../sandbox/admin/ticket-files.ts")} */ (
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- likewise
        await import(compiled("sandbox/admin/ticket-files.js"))
      );
      const lines = /** @type {typeof import("../../../sandbox/stack/client-lines.ts")} */ (
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- likewise
        await import(compiled("sandbox/stack/client-lines.js"))
      );
      const ticket = await writeTicket(folder, endpoint, await plane.openBuild({ ...REF, ttlMs: BUILD_LIFETIME_MS }));
      const { buildctl = "buildctl" } = (await goTool(goTools.buildkit).find()) ?? {};
      return lines.shellLine([buildctl, ...lines.buildctlArguments(ticket), ...what]);
    },
    close: () => plane[Symbol.asyncDispose](),
  };
}

/** @param {string} file */
const compiled = (file) => pathToFileURL(inTree("dist", file)).href;
