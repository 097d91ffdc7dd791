// Ends with one clear line where an older Node runs than the one that npm brings. Imported before the sources
// (`node --import`), since an older Node cannot even parse them; plain JavaScript for the same reason.
const WANTED = { major: 24, minor: 15 }; // 24.15: types are stripped without a warning and without a flag

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < WANTED.major || (major === WANTED.major && minor < WANTED.minor)) {
  process.stderr.write(
    `drayage needs Node ${WANTED.major}.${WANTED.minor} or newer, but ${process.execPath} is ${process.version}: ` +
      `on Linux \`npm ci\` brings it, so run through npm or npx; elsewhere install Node ${WANTED.major}.\n`,
  );
  process.exit(1);
}
