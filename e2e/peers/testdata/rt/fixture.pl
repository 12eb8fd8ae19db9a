# People, a queue of requests with two fields of its own, and who may do what. An
# approval is a ticket of the queue ___Approvals that the request depends on.
@Users = ( map { { Name=>$_->[0], RealName=>$_->[1], EmailAddress=>"$_->[0]\@kaede.example", Password=>"$_->[0]-pass1", Privileged=>1 } }
  ['svc','Service'], ['aoi','Aoi Requester'], ['botan','Botan Approver'] );
@Queues = ( { Name=>'Access', Description=>'access requests', Lifecycle=>'default' } );
@CustomFields = (
  { Name=>'Asset',      Type=>'FreeformSingle', LookupType=>'RT::Queue-RT::Ticket', Queue=>['Access'] },
  { Name=>'Window End', Type=>'DateTimeSingle', LookupType=>'RT::Queue-RT::Ticket', Queue=>['Access'] } );
@ACL = (
  ( map { { GroupDomain=>'SystemInternal', GroupType=>'privileged', Queue=>'Access', Right=>$_ } } qw(SeeQueue CreateTicket ShowTicket ReplyToTicket CommentOnTicket ShowTicketComments SeeCustomField ModifyCustomField) ),
  ( map { { UserId=>'botan', Queue=>'Access', Right=>$_ } } qw(OwnTicket ModifyTicket) ),
  ( map { { UserId=>'svc', Queue=>'Access', Right=>$_ } } qw(OwnTicket ModifyTicket) ),
  ( map { my $u=$_; map { { UserId=>$u, Queue=>'___Approvals', Right=>$_ } } qw(SeeQueue CreateTicket ShowTicket ShowTicketComments ModifyTicket OwnTicket CommentOnTicket ReplyToTicket) } qw(svc botan) ),
  ( map { { UserId=>'aoi', Queue=>'___Approvals', Right=>$_ } } qw(SeeQueue ShowTicket OwnTicket) ) );
@Final = ( sub { open my $f, '>', "$ENV{RT_TEST_DIR}/tokens";
  for my $n (qw(svc aoi botan)) { my $u = RT::User->new(RT->SystemUser); $u->Load($n);
    my ($ok,$msg,$tok) = RT::AuthToken->new(RT->SystemUser)->Create(Owner=>$u->Id, Description=>'test'); print $f "$n $tok\n" } close $f } );
1;
