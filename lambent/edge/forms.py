"""Forms of browsers that upload to a bucket (PostObject): recognised, judged before the file comes, and answered.

The order: the fields are whole; who has signed; what the policy lets in; and once the file is there, its size.
"""

from collections.abc import Mapping
from functools import partial

from lambent.control.url_address import is_meant
from lambent.edge.places import bucket_of
from lambent.errors import AwsError
from lambent.iam.authenticator import Authenticator
from lambent.principal import Principal
from lambent.services.s3 import errors, object_operations, post_object, post_policy
from lambent.services.s3.engine import S3
from lambent.services.s3.post_policy import Policy
from lambent.wire.form_data import FormReader
from lambent.wire.http import Request, Response, Spooled
from lambent.wire.parse import Call, Wire
from lambent.wire.recognise import Sender


class FormDoor:
    """`answer` raises AwsError for what is refused."""

    def __init__(self, s3: S3, wire: Wire, authenticator: Authenticator) -> None:
        self._s3 = s3
        self._wire = wire
        self._authenticator = authenticator

    def reader(self, head: Request) -> FormReader | None:
        """What reads the body of a form while it comes, and refuses it before the file does."""
        if is_meant(head) or not bucket_of(head):
            return None
        try:
            return FormReader(head.headers["content-type"], partial(self._begin, head))
        except AwsError:
            return None  # told when its body is there

    def _begin(self, head: Request, form: FormReader) -> None:
        policy = self._judged(head, post_object.fields_of(form, bucket_of(head)))[2]
        form.most = None if policy is None else post_policy.most(policy)

    async def answer(self, request: Request) -> Response:
        form, data = self._read(request)
        fields = post_object.fields_of(form, bucket_of(request))
        who, caller, policy = self._judged(request, fields)
        if policy is not None:
            post_policy.check_size(policy, len(data) if isinstance(data, bytes) else data.size)
        tags = self._tags(fields, who, caller)
        call = self._call(post_object.as_put(request, fields, data, tags), who, caller)
        new, result = await object_operations.put(self._s3, call, "ObjectCreated:Post")
        return post_object.answered(request, fields, self._wire.render(call, result), new)

    def _read(self, request: Request) -> tuple[FormReader, bytes | Spooled]:
        if "content-length" not in request.headers:
            raise errors.missing_length()
        if request.spool is not None and request.spool.form is not None:
            return request.spool.form, request.spool
        form = FormReader(request.headers["content-type"])
        data = b"".join(form.feed(request.body))
        form.end()
        return form, data

    def _judged(self, request: Request, fields: Mapping[str, str]) -> tuple[Sender, Principal, Policy | None]:
        """Raises AwsError for a form that is not believed, or is not as its policy says."""
        who, caller = self._authenticator.of_form(request, fields)
        if "policy" not in fields:
            return who, caller, None
        policy = post_policy.read(fields["policy"])
        post_policy.check(policy, fields, self._authenticator.now())
        return who, caller, policy

    def _tags(self, fields: Mapping[str, str], who: Sender, caller: Principal) -> str:
        """The field `tagging`, which is XML, in the form of the header."""
        if "tagging" not in fields:
            return ""
        return post_object.tags_of(self._call(post_object.as_tagging(fields), who, caller).parameters["Tagging"])

    def _call(self, request: Request, who: Sender, caller: Principal) -> Call:
        return self._wire.parse_of(request, who, "s3", lambda _, __: caller)
