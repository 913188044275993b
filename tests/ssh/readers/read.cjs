// node read.cjs: for each line [MAJOR, FILE, HOST], write what npm's ssh-config makes of the host.
const fs = require('node:fs');
const readline = require('node:readline');
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [major, file, host] = JSON.parse(line);
  const loaded = require(`ssh-config-${major}`);
  const config = (loaded.default ?? loaded).parse(fs.readFileSync(file, 'utf8'));
  console.log(JSON.stringify(config.compute(host)));
});
