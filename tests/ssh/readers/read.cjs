// node read.cjs MAJOR FILE HOST ...: what npm's ssh-config makes of each host, as JSON.
const fs = require('node:fs');
const [major, file, ...hosts] = process.argv.slice(2);
const loaded = require(`ssh-config-${major}`);
const config = (loaded.default ?? loaded).parse(fs.readFileSync(file, 'utf8'));
console.log(JSON.stringify(hosts.map((host) => config.compute(host))));
