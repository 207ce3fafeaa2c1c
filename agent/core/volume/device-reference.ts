/**
 * A device by what it is. The kernel's own names (`/dev/nvme1n1`) follow the order of discovery and
 * are no reference.
 */
export type DeviceReference =
  /** A link in /dev/disk/by-id/, without the directory. */
  | { readonly by: "id"; readonly id: string }
  | { readonly by: "udev"; readonly property: string; readonly value: string }
  /** A disk's image: to see what would be done. */
  | { readonly by: "file"; readonly path: string };

export const BY_ID = "/dev/disk/by-id/";

/** Undefined for what is neither `/dev/disk/by-id/…` nor `udev:PROPERTY=value` nor `file:/…`. */
export function parseDeviceReference(text: string): DeviceReference | undefined {
  const { id } = /^\/dev\/disk\/by-id\/(?<id>[^/\s\p{Cc}]+)$/u.exec(text)?.groups ?? {};
  if (id !== undefined) return id === "." || id === ".." ? undefined : { by: "id", id };
  const { path } = /^file:(?<path>\/[^\p{Cc}]+)$/u.exec(text)?.groups ?? {};
  if (path !== undefined) return { by: "file", path };
  const { property, value } = /^udev:(?<property>[A-Z][A-Z0-9_]*)=(?<value>[^\p{Cc}]+)$/u.exec(text)?.groups ?? {};
  return property === undefined || value === undefined ? undefined : { by: "udev", property, value };
}
