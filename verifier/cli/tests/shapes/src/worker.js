exports.handler = async (event) => {
  for (const { body } of event.Records) console.log(`worked ${body}`);
  return { batchItemFailures: [] };
};
