// ImapFlow as its documentation uses it: a connection a mailbox, for every folder and test a search, then the headers.
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const require = createRequire(process.cwd() + '/var/bench/package.json');
const { ImapFlow } = require('imapflow');

async function look(order, user, tokens) {
    const client = new ImapFlow({
        host: 'localhost', port: order.port, secure: order.tls, doSTARTTLS: false, logger: false,
        auth: { user, pass: order.password }, tls: { ca: order.ca_pem, servername: 'localhost' }, disableAutoIdle: true
    });
    let found = 0;
    await client.connect();
    for (const folder of order.folders) {
        const lock = await client.getMailboxLock(folder, { readOnly: true });
        try {
            for (const token of tokens) {
                const uids = await client.search({ header: { [order.header]: token } }, { uid: true });
                if (!uids.length) continue;
                for await (const message of client.fetch(uids, { headers: true, internalDate: true }, { uid: true })) {
                    found += message.headers.length ? 1 : 0;
                }
            }
        } finally {
            lock.release();
        }
    }
    await client.logout();
    return found;
}

async function pass(order, tokens) {
    const left = [...order.users];
    const cpu = process.cpuUsage(), began = process.hrtime.bigint();
    let found = 0;
    const run = async () => { while (left.length) { const seen = await look(order, left.pop(), tokens); found += seen; } };
    await Promise.all(Array.from({ length: order.concurrency }, run));
    const used = process.cpuUsage(cpu);
    return { seconds: Number(process.hrtime.bigint() - began) / 1e9, cpu: (used.user + used.system) / 1e6, found };
}

let order = null;
for await (const line of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    if (order === null) {
        order = { ...asked, ca_pem: readFileSync(asked.ca) };
        console.log(JSON.stringify({ session_kb: 0 }));
    } else {
        console.log(JSON.stringify(await pass(order, asked.tokens)));
    }
}
