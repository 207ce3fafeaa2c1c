import { audit } from "./image/commands/audit.mjs";
import { base } from "./image/commands/base.mjs";
import { boot } from "./image/commands/boot.mjs";
import { build } from "./image/commands/build.mjs";
import { clean } from "./image/commands/clean.mjs";
import { deb } from "./image/commands/deb.mjs";
import { root } from "./image/commands/root.mjs";
import { SetupFailed } from "./setup/failure.mjs";
import { profiles } from "./setup/profiles.mjs";
import { say, speakAs } from "./setup/progress.mjs";
import { runSteps } from "./setup/step.mjs";

const EX_USAGE = 64;

const USAGE = `usage: npm run image -- <command>

  base [--fresh]            Debian's root file system; made once a month, --fresh makes it now
  deb [--arch arm64]        the package, for a Debian 12 machine that you have
  build [--kvm]             the image: a qcow2 that Packer bakes from the two, its bill of materials and its manifest;
                            Debian is asked first, and a base without its newest packages is made anew
  audit [--bom FILE] [--tracker FILE]        what Debian has fixed since an image was baked, and what was not looked at
  boot [options]            boots the image, until Ctrl-C, with a sandbox's control plane and an encrypted cache
      --control-plane 127.0.0.1:PORT --ca FILE --join-token-file FILE [--server-name NAME]   with yours
      --build-port 8443 --health-port 9464       where it is reached on this machine
      --ssh-key FILE.pub --ssh-port 2222         lets that key in as "builder"
      --cache-mib 4096 --memory-mib 2048 --kvm
  root                      the image's root file system as a folder, made without a VM
  clean                     removes all that is kept of these

Results come to dist/image/; what is slow to make is kept outside the tree. Without --kvm the processor is emulated: slow, and it works anywhere.
`;

/**
 * @type {Readonly<Record<string, { profile: string, carryOut: (args: readonly string[]) =>
 * Promise<readonly string[]> }>>}
 */
const commands = {
  base: { profile: "image", carryOut: base },
  deb: { profile: "checks", carryOut: deb },
  build: { profile: "image", carryOut: build },
  audit: { profile: "checks", carryOut: audit },
  boot: { profile: "boot", carryOut: boot },
  root: { profile: "image", carryOut: root },
  clean: { profile: "checks", carryOut: clean },
};

const [name = "", ...args] = process.argv.slice(2);
speakAs("image");
if (name === "--help" || name === "help" || args.includes("--help")) process.stdout.write(USAGE);
else {
  const command = commands[name];
  if (command) process.exitCode = await carryOut(command);
  else {
    process.stderr.write(USAGE);
    process.exitCode = EX_USAGE;
  }
}

/** @param {(typeof commands)[string]} command */
async function carryOut(command) {
  try {
    await runSteps(profiles[command.profile] ?? []);
    for (const file of await command.carryOut(args)) process.stdout.write(`${file}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof SetupFailed)) throw error;
    say(error.report());
    return error.exitCode;
  }
}
