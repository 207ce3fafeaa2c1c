import { run } from "../../setup/child.mjs";

const DEADLINE_MS = 60_000;

/**
 * A disk that begins as `image` is, and keeps only what is written to it. @param {string} image
 * qcow2. @param {string} target
 */
export const overlayOn = (image, target) =>
  qemuImg(["create", "-q", "-f", "qcow2", "-b", image, "-F", "qcow2", target]);

/** A disk with nothing on it. @param {string} target @param {number} sizeMib */
export const blankDisk = (target, sizeMib) => qemuImg(["create", "-q", "-f", "qcow2", target, `${sizeMib}M`]);

/** @param {readonly string[]} args */
const qemuImg = (args) => run({ what: `qemu-img ${args[0]}`, command: "qemu-img", args, deadlineMs: DEADLINE_MS });
