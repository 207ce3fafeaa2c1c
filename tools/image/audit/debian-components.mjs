const DEBIAN = /^pkg:deb\/debian\/(?<name>[^@?]+)@(?<version>[^?]+)(?:\?(?<qualifiers>.*))?$/;

/** @typedef {{ name: string, version: string, source: string, sourceVersion: string }} Component */

/**
 * Debian's packages in a bill of materials, with the source package that each was built from.
 * @param {{ components: readonly { purl?: string }[] }} bom
 * @returns {readonly Component[]}
 */
export function debianComponents({ components }) {
  return components.flatMap(({ purl = "" }) => {
    const { name, version, qualifiers = "" } = DEBIAN.exec(purl)?.groups ?? {};
    if (name === undefined || version === undefined) return [];
    const [own, ofName] = [decodeURIComponent(version), decodeURIComponent(name)];
    const [source = ofName, sourceVersion = own] = (new URLSearchParams(qualifiers).get("upstream") ?? ofName).split(
      "@",
    );
    return [{ name: ofName, version: own, source, sourceVersion }];
  });
}
