// The function of a rehearsal (rehearsal.mjs).
exports.handler = async (event) => event
