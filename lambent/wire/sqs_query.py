"""Names of SQS's older query protocol, which AWS still speaks and botocore's model no longer has.

From the model of 2012 as botocore shipped it before 1.29.127; a list's items and a map's parts stand in the form by
these names.
"""

import copy

from lambent.wire.shapes import Traits

# shape -> name of each item
_ITEMS = {
    "AWSAccountIdList": "AWSAccountId",
    "ActionNameList": "ActionName",
    "AttributeNameList": "AttributeName",
    "BatchResultErrorEntryList": "BatchResultErrorEntry",
    "BinaryList": "BinaryListValue",
    "ChangeMessageVisibilityBatchRequestEntryList": "ChangeMessageVisibilityBatchRequestEntry",
    "ChangeMessageVisibilityBatchResultEntryList": "ChangeMessageVisibilityBatchResultEntry",
    "DeleteMessageBatchRequestEntryList": "DeleteMessageBatchRequestEntry",
    "DeleteMessageBatchResultEntryList": "DeleteMessageBatchResultEntry",
    "ListMessageMoveTasksResultEntryList": "ListMessageMoveTasksResultEntry",
    "MessageAttributeNameList": "MessageAttributeName",
    "MessageList": "Message",
    "MessageSystemAttributeList": "MessageSystemAttributeName",
    "QueueUrlList": "QueueUrl",
    "SendMessageBatchRequestEntryList": "SendMessageBatchRequestEntry",
    "SendMessageBatchResultEntryList": "SendMessageBatchResultEntry",
    "StringList": "StringListValue",
    "TagKeyList": "TagKey",
}
# map -> names of key and value
_PARTS = {
    "MessageBodyAttributeMap": ("Name", "Value"),
    "MessageBodySystemAttributeMap": ("Name", "Value"),
    "MessageSystemAttributeMap": ("Name", "Value"),
    "QueueAttributeMap": ("Name", "Value"),
    "TagMap": ("Key", "Value"),
}
# map -> name of each of its entries where a structure holds it
_ENTRIES = {
    "MessageBodyAttributeMap": "MessageAttribute",
    "MessageBodySystemAttributeMap": "MessageSystemAttribute",
    "MessageSystemAttributeMap": "Attribute",
    "QueueAttributeMap": "Attribute",
    "TagMap": "Tag",
}


def with_names(document: Traits) -> Traits:
    """The SQS model with the query protocol's names in it."""
    named = copy.deepcopy(document)
    shapes = named["shapes"]
    for name, item in _ITEMS.items():
        if name in shapes:
            shapes[name]["member"]["locationName"] = item
            shapes[name]["flattened"] = True
    for name, (key, value) in _PARTS.items():
        shapes[name]["key"]["locationName"], shapes[name]["value"]["locationName"] = key, value
        shapes[name]["locationName"] = _ENTRIES[name]
        shapes[name]["flattened"] = True
    return named
